import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import type { RecordEntry } from "./record-directory.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";

/** Which records a prune removes. `keepBytes`: the least recently used, until the cache is no larger. */
export type RecordFilter = "none" | "all" | { readonly unusedForMs?: number; readonly keepBytes?: number };

export interface ChosenRecords {
  readonly kept: readonly RecordEntry[];
  readonly gone: readonly RecordEntry[];
}

export function chooseRecords(
  parts: StoreParts,
  contents: StoreContents,
  entries: readonly RecordEntry[],
  filter: RecordFilter,
): ChosenRecords {
  if (filter === "none") return { kept: entries, gone: [] };
  if (filter === "all") return { kept: [], gone: entries };
  const { unusedForMs, keepBytes } = filter;
  const before = unusedForMs === undefined ? Number.NEGATIVE_INFINITY : parts.clock.nowMs() - unusedForMs;
  const expired = entries.filter((entry) => entry.lastUsedMs <= before);
  const young = entries.filter((entry) => entry.lastUsedMs > before);
  if (keepBytes === undefined) return { kept: young, gone: expired };
  const { kept, gone } = shrink(young, layerSizes(parts, contents), keepBytes);
  return { kept, gone: [...expired, ...gone] };
}

/** A layer is shared by records; its bytes are freed with the last one. */
function shrink(
  entries: readonly RecordEntry[],
  sizes: ReadonlyMap<Digest, number>,
  keepBytes: number,
): ChosenRecords {
  const users = new Map<Digest, number>();
  let total = 0;
  for (const entry of entries) {
    total += entry.sizeBytes;
    const diff = diffOf(entry);
    if (diff === undefined) continue;
    const count = users.get(diff) ?? 0;
    users.set(diff, count + 1);
    if (count === 0) total += sizes.get(diff) ?? 0;
  }
  const oldestFirst = entries.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  let at = 0;
  for (; at < oldestFirst.length && total > keepBytes; at += 1) {
    const entry = oldestFirst[at];
    if (entry === undefined) break;
    total -= entry.sizeBytes;
    const diff = diffOf(entry);
    if (diff === undefined) continue;
    const left = (users.get(diff) ?? 1) - 1;
    users.set(diff, left);
    if (left === 0) total -= sizes.get(diff) ?? 0;
  }
  return { gone: oldestFirst.slice(0, at), kept: oldestFirst.slice(at) };
}

/** What the cache alone holds for a layer: its tar where no image has it too, its tables, its tree (about the tar's size). */
function layerSizes(parts: StoreParts, contents: StoreContents): ReadonlyMap<Digest, number> {
  const sizes = new Map<Digest, number>();
  for (const { dir, layer } of contents.layers.entries()) {
    const diff = layer === undefined ? undefined : parseDigest(layer.diffId);
    if (layer === undefined || diff === undefined) continue;
    const own = sizes.get(diff) ?? cacheOnlyBytes(parts, diff);
    const toc = statSync(join(dir, "toc"), { throwIfNoEntry: false })?.size ?? 0;
    const tree = existsSync(join(dir, "tree")) ? layer.size : 0;
    sizes.set(diff, own + toc + tree);
  }
  return sizes;
}

function cacheOnlyBytes({ paths }: StoreParts, digest: Digest): number {
  if (existsSync(paths.imageBlob(digest))) return 0;
  return statSync(paths.cacheBlob(digest), { throwIfNoEntry: false })?.size ?? 0;
}

function diffOf({ record }: RecordEntry): Digest | undefined {
  return record.layer === null ? undefined : parseDigest(record.layer.diffId);
}
