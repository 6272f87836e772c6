import { RowComparison } from "../cache-key/compare-rows.ts";
import { explainMiss } from "../cache-key/explain.ts";
import type { CacheKey, Change } from "../core/cache-key.ts";
import type { Store } from "../store/store.ts";
import type { RecordedBuild } from "./recorded-build.ts";

/**
 * What moved between two recorded builds, a list for each row of the second: empty where the row is as it was. Root causes and
 * what follows are told apart as for a miss.
 */
export function compareRecords(
  before: RecordedBuild,
  after: RecordedBuild,
  store: Store,
): ReadonlyMap<string, readonly Change[]> {
  const found = new Map<
    string,
    { readonly old: CacheKey; readonly now: CacheKey; readonly moved: readonly Change[] }
  >();
  const comparison = new RowComparison(before.rows, after.rows, (row) => found.get(row));
  for (const { id } of after.rows) {
    const now = after.keys[id];
    const partner = comparison.partner(id);
    const old = partner === undefined ? undefined : before.keys[partner.id];
    if (now === undefined || old === undefined || old.id === now.id) continue;
    const moved = explainMiss(old, now, (digest) => store.listings.get(digest));
    if (moved.length > 0) found.set(id, { old, now, moved });
  }
  return new Map(after.rows.map((row) => [row.id, changesOf(row.id)]));

  function changesOf(id: string): readonly Change[] {
    const now = after.keys[id];
    if (now === undefined) return comparison.movedMetadata(id);
    const partner = comparison.partner(id);
    const old = partner === undefined ? undefined : before.keys[partner.id];
    if (old?.id === now.id) return [];
    return comparison.stepChanges(id, found.get(id));
  }
}
