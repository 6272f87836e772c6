import { toKeyId } from "../cache-key/encode.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { CacheRecord, LayerRef } from "../core/ports.ts";
import { EMPTY_SNAPSHOT } from "../steps/layer-book.ts";
import { type FolderShelf, openFolderShelf } from "./cache-shelf.ts";
import { entryOf, tarOf } from "./shared-cache.ts";
import { encodeSharedRecord, readSharedRecord, toSharedRecord } from "./shared-record.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

export interface TransferHow {
  readonly shop: Workshop;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

export interface Transferred {
  readonly moved: number;
  /** There already. */
  readonly known: number;
}

/** Writes every result of the store into a folder, the format of `--cache-to type=local`. */
export async function exportCache(folder: string, { shop, signal, warn }: TransferHow): Promise<Transferred> {
  using _lease = shop.store.openLease("cache");
  const shelf = await openFolderShelf(folder, { create: true });
  const layers = new Map<string, LayerRef>();
  for (const { layer } of shop.store.layers.entries())
    if (layer !== undefined) layers.set(layer.diffId, layer);
  let moved = 0;
  let known = 0;
  for (const { record } of shop.store.records.entries()) {
    refuseCanceled(signal);
    const layer = record.layer === null ? undefined : layers.get(record.layer.diffId);
    if (layer === undefined || shop.store.layers.claim(layer.chainId) === undefined)
      warn(`the layer of "${record.about.title}" is no longer here; its result stays out`);
    else if (await shelf.has(record.key.id, signal)) known += 1;
    else {
      const bytes = encodeSharedRecord(toSharedRecord(record));
      await shelf.put(record.key.id, await entryOf(bytes, layer, { compression: "gzip", shop }), signal);
      moved += 1;
    }
  }
  return { moved, known };
}

/**
 * Takes every result of such a folder into the store. What a layer comes to over what it stands on is only known in a build: it
 * is checked there, when the result is met.
 */
export async function importCache(folder: string, { shop, signal, warn }: TransferHow): Promise<Transferred> {
  using _lease = shop.store.openLease("cache");
  const shelf = await openFolderShelf(folder, { create: false });
  let moved = 0;
  let known = 0;
  for (const key of shelf.keys()) {
    refuseCanceled(signal);
    if (shop.store.records.get(toKeyId(key)) !== undefined) known += 1;
    else if (await importEntry(shelf, key, { shop, signal, warn })) moved += 1;
  }
  return { moved, known };
}

async function importEntry(
  shelf: FolderShelf,
  key: string,
  { shop, signal, warn }: TransferHow,
): Promise<boolean> {
  try {
    const entry = await shelf.find(key, signal);
    const id = { id: toKeyId(key), model: "tsbuild" } as const;
    if (entry === undefined) return false;
    const record = readSharedRecord(entry.record, id);
    if (typeof record === "string") throw new BuildError("cache/damaged", record);
    const { layer, content, created, tookMs } = record;
    if (layer === null || entry.blob === undefined)
      throw new BuildError("cache/damaged", "its layer is missing");
    await takeLayer(tarOf(entry, layer.size), {
      below: Promise.resolve(EMPTY_SNAPSHOT),
      expectedDiffId: layer.diffId,
      into: "cache",
      tree: false,
      signal,
      shop,
    });
    const about = { dockerfile: "", stage: "0", ordinal: 0, title: "(imported)" };
    const local: CacheRecord = {
      schema: 1,
      key: { ...id, inputs: [] },
      layer,
      content,
      created,
      tookMs,
      about,
    };
    shop.store.records.put(local, false);
    return true;
  } catch (error) {
    if (!isBuildError(error) || signal.aborted) throw error;
    warn(`the cache entry ${shelf.entryName(key)} is refused: ${error.message}`);
    return false;
  }
}

function refuseCanceled(signal: AbortSignal): void {
  if (signal.aborted)
    throw new BuildError("cli/canceled", "canceled", {
      hint: "What was moved stays: the same command goes on.",
    });
}
