import type { CacheMountEntry } from "./cache-mount-directory.ts";
import type { RecordFilter } from "./choose-records.ts";
import type { Lease } from "./leases.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";
import type { Sweep } from "./sweep.ts";
import { measureUsage } from "./usage.ts";

/** Removes directories of cache mounts, those in use apart; gives how many are gone. Called once the records are chosen. */
export function removeCacheMounts(
  parts: StoreParts,
  contents: StoreContents,
  how: { readonly sweep: Sweep; readonly lease: Lease; readonly filter: RecordFilter },
): number {
  const { sweep, lease, filter } = how;
  if (filter === "none") return 0;
  const entries = contents.cacheMounts.list().toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  return contents.cacheMounts.remove(chooseMounts(parts, contents, entries, filter), lease.dir, sweep).length;
}

/** What records and their layers take up counts against the size to keep, too. `entries`: the least recently used first. */
function chooseMounts(
  parts: StoreParts,
  contents: StoreContents,
  entries: readonly CacheMountEntry[],
  filter: Exclude<RecordFilter, "none">,
): readonly CacheMountEntry[] {
  if (filter === "all") return entries;
  const { unusedForMs, keepBytes } = filter;
  const before = unusedForMs === undefined ? Number.NEGATIVE_INFINITY : parts.clock.nowMs() - unusedForMs;
  const expired = entries.filter((entry) => entry.lastUsedMs <= before);
  if (keepBytes === undefined) return expired;
  const going = new Set(expired);
  let total = measureUsage(parts, contents).cache.bytes;
  for (const entry of entries) if (!going.has(entry)) total += entry.sizeBytes;
  for (const entry of entries) {
    if (total <= keepBytes) break;
    if (going.has(entry)) continue;
    going.add(entry);
    total -= entry.sizeBytes;
  }
  return [...going];
}
