import { createReadStream } from "node:fs";
import type { CacheKey } from "../core/cache-key.ts";
import { MEDIA_TYPE } from "../core/descriptor.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { CacheRecord, LayerRef, SnapshotRef } from "../core/ports.ts";
import type { Step, StepId } from "../core/step.ts";
import { decompress } from "../layer/compression.ts";
import type { BuildPlan, StagePlan } from "../plan/types.ts";
import type { RegistryClient } from "../registry/client.ts";
import { Semaphore } from "../solver/semaphore.ts";
import type { SolverPorts, StepResult } from "../solver/types.ts";
import {
  type CacheShelf,
  type EntryToShelve,
  openFolderShelf,
  openRegistryShelf,
  type ShelvedEntry,
} from "./cache-shelf.ts";
import { type CachePlace, type CacheTarget, parseCacheSource, parseCacheTarget } from "./cache-spec.ts";
import { compressedBlob } from "./compressed-blob.ts";
import { openClient } from "./pull-image.ts";
import { encodeSharedRecord, readSharedRecord, toSharedRecord } from "./shared-record.ts";
import { aboutOf } from "./solver-ports.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

export interface SharedCacheOptions {
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
}

export interface SharedHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  readonly plan: BuildPlan;
  readonly dockerfile: string;
}

/** Results that come from other machines, and go to them. */
export interface SharedCache extends AsyncDisposable {
  /** For the solver. */
  readonly ports: Required<Pick<SolverPorts, "fetchRecord" | "finished">>;
  /** Waits until all that was finished is published; what could not be is thrown, or with ignore-error told. */
  settle(): Promise<void>;
}

const PUBLISH_JOBS = 3;

export async function openSharedCache(options: SharedCacheOptions, how: SharedHow): Promise<SharedCache> {
  const sources = options.cacheFrom.map(parseCacheSource);
  const targets = options.cacheTo.map(parseCacheTarget);
  const { shop, emit, signal } = how;
  const client = await openClient({ shop, emit });
  try {
    const readers = new Set<CacheShelf>();
    for (const place of sources) for (const shelf of await openReader(place, client, how)) readers.add(shelf);
    const writers: Writer[] = [];
    for (const target of targets) writers.push(...(await openWriter(target, client, { emit, signal })));
    const publisher = new Publisher(writers, how);
    return {
      ports: {
        fetchRecord: (step, key, parent) => fetchRecord(readers, { step, key, parent }, how),
        finished: (result) => publisher.add(result),
      },
      settle: () => publisher.settle(),
      [Symbol.asyncDispose]: async () => {
        await publisher.rest();
        await client[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

/** A cache that cannot be read is a slower build, not a failed one; a name that is another program's cache is a mistake. */
async function openReader(
  place: CachePlace,
  client: RegistryClient,
  { emit, signal }: SharedHow,
): Promise<readonly CacheShelf[]> {
  try {
    return [await openShelf(place, client, { create: false, signal })];
  } catch (error) {
    if (!isBuildError(error) || signal.aborted || error.code === "cache/foreign") throw error;
    warn(emit, `a cache cannot be read, the build goes on without it: ${error.message}`);
    return [];
  }
}

interface Writer {
  readonly shelf: CacheShelf;
  readonly target: CacheTarget;
}

async function openWriter(
  target: CacheTarget,
  client: RegistryClient,
  { emit, signal }: Pick<SharedHow, "emit" | "signal">,
): Promise<readonly Writer[]> {
  try {
    return [{ target, shelf: await openShelf(target.place, client, { create: true, signal }) }];
  } catch (error) {
    if (!target.ignoreError || !isBuildError(error) || signal.aborted) throw error;
    warn(emit, `a cache cannot be written: ${error.message}`);
    return [];
  }
}

function openShelf(
  place: CachePlace,
  client: RegistryClient,
  { create, signal }: { readonly create: boolean; readonly signal: AbortSignal },
): Promise<CacheShelf> {
  return place.type === "local"
    ? openFolderShelf(place.folder, { create })
    : openRegistryShelf(client, place, signal);
}

interface Wanted {
  readonly step: Step;
  readonly key: CacheKey;
  readonly parent: SnapshotRef;
}

/** Takes a published result into the store, its layer with it. False where there is none that is sound. */
async function fetchRecord(shelves: Set<CacheShelf>, wanted: Wanted, how: SharedHow): Promise<boolean> {
  const { key } = wanted;
  for (const shelf of shelves) {
    try {
      const entry = await shelf.find(key.id, how.signal);
      if (entry === undefined) continue;
      await takeEntry(entry, wanted, how);
      return true;
    } catch (error) {
      if (!isBuildError(error) || how.signal.aborted) throw error;
      if (isGone(error)) {
        if (shelves.delete(shelf))
          warn(how.emit, `${shelf.name} cannot be read, the build goes on without it: ${error.message}`);
      } else
        warn(
          how.emit,
          `the cache entry ${shelf.entryName(key.id)} is refused, its step runs: ${error.message}`,
        );
    }
  }
  return false;
}

/** The place as a whole, not one entry of it. */
function isGone({ code }: BuildError): boolean {
  return [
    "registry/unreachable",
    "registry/unauthorized",
    "registry/denied",
    "registry/rate-limited",
    "registry/tls",
  ].includes(code);
}

/** RULE: nothing enters the store that is not what the key's owner would have made: every digest is computed anew, here. */
async function takeEntry(entry: ShelvedEntry, { step, key, parent }: Wanted, how: SharedHow): Promise<void> {
  const { shop, signal, dockerfile } = how;
  const record = readSharedRecord(entry.record, key);
  if (typeof record === "string") throw new BuildError("cache/damaged", record);
  const { layer, content, created, tookMs } = record;
  if (layer !== null) {
    if (entry.blob === undefined) throw new BuildError("cache/damaged", "its layer is missing");
    // Kept as the tar that the step would have made here: the image is then the same, whoever made its layers.
    const taken = await takeLayer(tarOf(entry, layer.size), {
      below: Promise.resolve(parent),
      expectedDiffId: layer.diffId,
      into: "cache",
      signal,
      shop,
    });
    if (taken.snapshot.content !== content || taken.snapshot.layers.at(-1)?.size !== layer.size)
      throw new BuildError("cache/damaged", "its layer is not what its record says");
  } else if (content !== parent.content)
    throw new BuildError("cache/damaged", "it has no layer, and its record says that something changed");
  const local: CacheRecord = {
    schema: 1,
    key,
    layer,
    content,
    created,
    tookMs,
    about: aboutOf(step, dockerfile),
  };
  shop.store.records.put(local, true);
}

/** The diff id is the address of these bytes: what they were compressed as needs no check of its own. */
export async function* tarOf(entry: ShelvedEntry, size: number): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const piece of decompress(entry.open())) {
    done += piece.length;
    if (done > size) throw new BuildError("cache/damaged", "its layer is longer than its record says");
    yield piece;
  }
}

/** Publishes results while the build goes on, so that machines that build the same meet them at once. */
class Publisher {
  readonly #writers: readonly Writer[];
  readonly #how: SharedHow;
  readonly #needed: ReadonlySet<StepId>;
  readonly #lanes = new Semaphore(PUBLISH_JOBS);
  readonly #running: Promise<void>[] = [];
  readonly #failures: unknown[] = [];
  readonly #given = new Set<string>();

  constructor(writers: readonly Writer[], how: SharedHow) {
    this.#writers = writers;
    this.#how = how;
    this.#needed = new Set(stepsOf(how.plan.target, how.plan));
  }

  add({ step, key, layer }: StepResult): void {
    if (key === undefined) return;
    for (const writer of this.#writers) {
      if (writer.target.mode === "min" && !this.#needed.has(step.id)) continue;
      const id = `${writer.shelf.name} ${key.id}`;
      if (this.#given.has(id)) continue;
      this.#given.add(id);
      this.#running.push(
        this.#lanes
          .run(() => this.#publish(writer, key, layer))
          .catch((error: unknown) => this.#fail(writer, error)),
      );
    }
  }

  async settle(): Promise<void> {
    await this.rest();
    const [first] = this.#failures;
    if (first !== undefined)
      throw first instanceof Error ? first : new Error("publishing failed", { cause: first });
  }

  async rest(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #publish({ shelf, target }: Writer, key: CacheKey, layer: StepResult["layer"]): Promise<void> {
    const { shop, signal } = this.#how;
    if (signal.aborted || (await shelf.has(key.id, signal))) return;
    const record = shop.store.records.get(key.id);
    if (record === undefined) return;
    const bytes = encodeSharedRecord(toSharedRecord(record));
    if (record.layer === null || layer === undefined)
      return shelf.put(key.id, { record: bytes, blob: undefined }, signal);
    await shelf.put(key.id, await entryOf(bytes, layer, { compression: target.compression, shop }), signal);
  }

  #fail({ shelf, target }: Writer, error: unknown): void {
    if (this.#how.signal.aborted) return;
    if (!target.ignoreError || !isBuildError(error)) this.#failures.push(error);
    else warn(this.#how.emit, `a result could not be published in ${shelf.name}: ${error.message}`);
  }
}

/** A result with its layer, compressed as it travels. */
export async function entryOf(
  record: Buffer,
  layer: LayerRef,
  { compression, shop }: { readonly compression: CacheTarget["compression"]; readonly shop: Workshop },
): Promise<EntryToShelve> {
  const { digest, size, mediaType: stored } = await compressedBlob(layer, compression, shop);
  const mediaType = stored === MEDIA_TYPE.dockerLayerGzip ? MEDIA_TYPE.ociLayerGzip : stored;
  const open = (start: number) => createReadStream(shop.store.blobs.pathOf(digest), { start });
  return { record, blob: { descriptor: { mediaType, digest, size }, open } };
}

/** The steps of a stage and of those it stands on: the layers that its image has. */
function stepsOf(stage: StagePlan, plan: BuildPlan): readonly StepId[] {
  const below = stage.fromStage === undefined ? undefined : plan.stages.get(stage.fromStage);
  const own = stage.rows.flatMap(({ step }) => (step === undefined ? [] : [step]));
  return below === undefined ? own : [...stepsOf(below, plan), ...own];
}

function warn(emit: EmitEvent, text: string): void {
  emit({ type: "note", level: "warning", text });
}
