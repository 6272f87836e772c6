import { RowComparison } from "../cache-key/compare-rows.ts";
import { explainMiss } from "../cache-key/explain.ts";
import type { CacheModel } from "../cache-key/model.ts";
import type { RowFacts } from "../cache-key/row-facts.ts";
import type { CacheKey, Change } from "../core/cache-key.ts";
import type { Listing } from "../core/file-tree.ts";
import type { StepId } from "../core/step.ts";
import { findPrevious, keyOfRow, type RecordedBuild } from "./recorded-build.ts";
import type { Workshop } from "./workshop.ts";

/** Why the rows of a running build missed; and what its record keeps of their keys. */
export interface BuildReasons {
  readonly rows: readonly RowFacts[];
  /** The earlier build that was compared with; undefined while nothing has missed. */
  readonly compared: () => string | undefined;
  readonly ofStep: (id: StepId, key: CacheKey, latest: () => CacheKey | undefined) => readonly Change[];
  readonly ofMetadata: (row: string, noCache: boolean) => readonly Change[];
  readonly keyed: (id: StepId, key: CacheKey, changes: readonly Change[]) => void;
  readonly keys: ReadonlyMap<string, CacheKey>;
  readonly changes: ReadonlyMap<string, readonly Change[]>;
}

/** A listing as the model's engine sees it: no change is named that it does not look at. */
export function seen(listing: Listing | undefined, { see }: Pick<CacheModel, "see">): Listing | undefined {
  return listing === undefined || see === undefined ? listing : { rows: listing.rows.map((row) => see(row)) };
}

/** Looks up the build to compare with when the first row misses: a cached build pays nothing. */
export function buildReasons(
  build: {
    readonly id: string;
    readonly dockerfile: string;
    readonly rows: readonly RowFacts[];
    readonly model: CacheModel;
  },
  shop: Workshop,
): BuildReasons {
  let found: { readonly previous: RecordedBuild | undefined; readonly comparison: RowComparison } | undefined;
  const keys = new Map<string, CacheKey>();
  const changes = new Map<string, readonly Change[]>();
  const moved = (old: CacheKey, now: CacheKey) =>
    explainMiss(old, now, (digest) => seen(shop.store.listings.get(digest), build.model));
  const compare = () => {
    if (found !== undefined) return found;
    const previous = findPrevious(build, shop.store);
    const movedOf = (row: string) => {
      const partner = found?.comparison.partner(row);
      const old =
        previous === undefined || partner === undefined ? undefined : keyOfRow(previous, partner.id);
      const now = keys.get(row);
      return old === undefined || now === undefined || old.id === now.id
        ? undefined
        : { old, now, moved: moved(old, now) };
    };
    found = { previous, comparison: new RowComparison(previous?.rows, build.rows, movedOf) };
    return found;
  };
  return {
    rows: build.rows,
    keys,
    changes,
    compared: () => found?.previous?.record.id,
    ofMetadata: (row, noCache) => {
      const list: readonly Change[] = noCache
        ? [{ kind: "no-cache", subject: "--no-cache", old: null, new: null }]
        : compare().comparison.metadataChanges(row);
      changes.set(row, list);
      return list;
    },
    ofStep: (id, key, latest) => {
      const { previous, comparison } = compare();
      const partner = comparison.partner(id);
      const recorded =
        previous === undefined || partner === undefined ? undefined : keyOfRow(previous, partner.id);
      const noted = recorded ?? latest();
      const old = noted?.model === key.model ? noted : undefined;
      if (old?.id === key.id) return [{ kind: "pruned", subject: "", old: null, new: null }];
      if (old === undefined) return comparison.stepChanges(id, undefined);
      const changed = moved(old, key);
      if (changed.length === 0) return [{ kind: "key-schema", subject: "", old: null, new: null }];
      return comparison.stepChanges(id, { old, now: key, moved: changed });
    },
    keyed: (id, key, list) => {
      keys.set(id, key);
      if (list.length > 0) changes.set(id, list);
    },
  };
}
