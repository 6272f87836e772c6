import type { CacheModel } from "../cache-key/model.ts";
import type { RowFacts } from "../cache-key/row-facts.ts";
import type { CacheKey } from "../core/cache-key.ts";
import { isObject } from "../store/shapes.ts";
import type { Store } from "../store/store.ts";
import type { BuildKeys, BuildRecord } from "./record-build.ts";

/** A build as its record tells it. */
export interface RecordedBuild {
  readonly record: BuildRecord;
  readonly rows: readonly RowFacts[];
  readonly keys: BuildKeys;
}

/** Builds looked through for one to compare with. */
const MAX_LOOKED_AT = 50;

export function readBuild(id: string, store: Store): RecordedBuild | undefined {
  const record = store.builds.read(id, "build", isRecord);
  if (record === undefined) return undefined;
  return {
    record,
    rows: store.builds.read(id, "rows", isRows) ?? [],
    keys: store.builds.read(id, "keys", isKeys) ?? {},
  };
}

/** The id of the record, or of the only one that begins so. Undefined: there is none; with `text` undefined the latest. */
export function findBuild(text: string | undefined, store: Store): string | undefined {
  if (text === undefined) return store.builds.latest();
  const wanted = text.toUpperCase();
  const found = store.builds
    .list()
    .filter((id) => id === wanted || (wanted.length >= 4 && (id.startsWith(wanted) || id.endsWith(wanted))));
  return found.length === 1 ? found[0] : undefined;
}

/** The build to compare with: the latest earlier one of the same Dockerfile, else the one with the most instructions alike. */
export function findPrevious(
  build: {
    readonly id: string;
    readonly dockerfile: string;
    readonly rows: readonly RowFacts[];
    readonly model: Pick<CacheModel, "name">;
  },
  store: Store,
): RecordedBuild | undefined {
  const earlier = store.builds.list().filter((id) => id < build.id);
  let best: { readonly id: string; readonly alike: number } | undefined;
  for (const id of earlier.slice(0, MAX_LOOKED_AT)) {
    const record = store.builds.read(id, "build", isRecord);
    const rows = record === undefined ? [] : (store.builds.read(id, "rows", isRows) ?? []);
    if (record === undefined || rows.length === 0) continue;
    if ((record.cacheModel ?? "tsbuild") !== build.model.name) continue;
    if (record.dockerfile === build.dockerfile) return readBuild(id, store);
    const alike = countAlike(build.rows, rows);
    // The image that everything begins with makes no two projects one.
    if (alike * 2 > build.rows.length && alike > (best?.alike ?? 1)) best = { id, alike };
  }
  return best === undefined ? undefined : readBuild(best.id, store);
}

/** The key a row of an earlier build ended with; none where it failed. */
export function keyOfRow(build: RecordedBuild, row: string): CacheKey | undefined {
  const step = build.record.steps.find(({ id }) => id === row);
  return step?.result === "HIT" || step?.result === "MISS" ? build.keys[row] : undefined;
}

function countAlike(rows: readonly RowFacts[], others: readonly RowFacts[]): number {
  const texts = new Set(others.map(({ written }) => written));
  return rows.filter(({ written }) => texts.has(written)).length;
}

function isRecord(value: unknown): value is BuildRecord {
  return (
    isObject(value) &&
    value["schema"] === 1 &&
    Array.isArray(value["steps"]) &&
    value["steps"].every(isObject)
  );
}

function isRows(value: unknown): value is readonly RowFacts[] {
  return (
    Array.isArray(value) &&
    value.every((row) => isObject(row) && typeof row["id"] === "string" && Array.isArray(row["variables"]))
  );
}

function isKeys(value: unknown): value is BuildKeys {
  return (
    isObject(value) && Object.values(value).every((key) => isObject(key) && Array.isArray(key["inputs"]))
  );
}
