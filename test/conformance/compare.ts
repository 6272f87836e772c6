import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type FlatTree, flattenLayers } from "../helpers/flatten-layers.ts";
import type { TarEntry } from "../helpers/tar-reader.ts";
import type { ExpectedEntry, ExpectedImage, Variant } from "./case-data.ts";
import type { StoredImage } from "./engine-adapter.ts";

const CONFIG_KEYS =
  "User Env Cmd Entrypoint WorkingDir ExposedPorts Volumes Labels StopSignal Healthcheck Shell OnBuild".split(
    " ",
  );
/** Left behind by builders that mount them during RUN. */
const MOUNTED_FILES = ["etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv"];
const TYPE_OF_FLAG: Readonly<Record<string, string>> = {
  0: "file",
  2: "symlink",
  3: "char",
  4: "block",
  5: "dir",
  6: "fifo",
  7: "file",
};

export interface Base {
  readonly layers: readonly Buffer[];
  readonly historyCount: number;
}

/** What differs from the recording, a line each; empty: the image is the recorded one. */
export function compareImage(image: StoredImage, base: Base, expected: ExpectedImage): readonly string[] {
  return [
    ...compareConfig(image, expected),
    ...compareHistory(image, base, expected),
    ...compareFiles(flattenLayers(image.layers), flattenLayers(base.layers), expected.rootfs),
  ];
}

function compareConfig({ config }: StoredImage, expected: ExpectedImage): readonly string[] {
  const rows: [name: string, actual: unknown, expected: unknown][] = CONFIG_KEYS.map((key) => [
    `config.${key}`,
    normalise(config.config?.[key], key),
    normalise(expected.config[key], key),
  ]);
  rows.push(["author", config.author ?? null, expected.author]);
  rows.push(["architecture", config.architecture, expected.architecture]);
  rows.push(["os", config.os, expected.os]);
  return differences(rows);
}

/** Empty and absent are one; ports and volumes are the sorted keys. */
function normalise(value: unknown, key: string): unknown {
  if (value === undefined || value === null || value === "") return null;
  if (Array.isArray(value)) return value.length === 0 ? null : value;
  if (typeof value !== "object") return value;
  const keys = Object.keys(value).toSorted();
  if (keys.length === 0) return null;
  return key === "ExposedPorts" || key === "Volumes" ? keys : value;
}

function compareHistory(
  { config, layers }: StoredImage,
  base: Base,
  expected: ExpectedImage,
): readonly string[] {
  const rows = (config.history ?? []).slice(base.historyCount);
  const filled = (config.history ?? []).filter((row) => row.empty_layer !== true).length;
  return differences([
    ["history: empty_layer", emptyFlags(rows), emptyFlags(expected.history)],
    ["layers over the base", layers.length - base.layers.length, expected.layer_count],
    ["layers that the whole history speaks of", filled, layers.length],
    ["diff ids", config.rootfs.diff_ids.length, layers.length],
  ]);
}

function emptyFlags(rows: readonly { readonly empty_layer?: boolean }[]): readonly boolean[] {
  return rows.map((row) => row.empty_layer ?? false);
}

/** Rows of `created_by` that read exactly as recorded: informative only. */
export function countEqualTexts(image: StoredImage, base: Base, expected: ExpectedImage): number {
  const rows = (image.config.history ?? []).slice(base.historyCount);
  return expected.history.filter((row, index) => rows[index]?.created_by === row.created_by).length;
}

function compareFiles(tree: FlatTree, base: FlatTree, expected: ExpectedImage["rootfs"]): readonly string[] {
  const wanted = new Map(
    expected.entries.filter((entry) => !isMounted(entry)).map((entry) => [entry.path, entry]),
  );
  const found = new Map(newEntries(tree, base).map((entry) => [entry.path, entry]));
  const paths = [...new Set([...wanted.keys(), ...found.keys()])].toSorted();
  const removed = [...base.keys()].filter((path) => !tree.has(path)).map(decode);
  return [
    ...paths.flatMap((path) => compareEntry(path, found.get(path), wanted.get(path))),
    ...differences([
      ["removed", removed.filter(isKept).toSorted(), expected.removed.filter(isKept).toSorted()],
    ]),
  ];
}

function compareEntry(
  path: string,
  found: ExpectedEntry | undefined,
  wanted: ExpectedEntry | undefined,
): readonly string[] {
  if (found === undefined) return [`/${path} is missing`];
  if (wanted === undefined) return [`/${path} should not be there: ${JSON.stringify(found)}`];
  const { volatile, ...facts } = wanted;
  const keys =
    volatile === true
      ? ["type", "mode", "uid", "gid"]
      : [...new Set([...Object.keys(facts), ...Object.keys(found)])];
  return differences(
    keys.map((key) => [`/${path} ${key}`, Reflect.get(found, key) ?? null, Reflect.get(facts, key) ?? null]),
  );
}

/** What is new or different over the base, in the recording's own form. */
function newEntries(tree: FlatTree, base: FlatTree): readonly ExpectedEntry[] {
  const names = namesOfInodes(tree);
  const namesInBase = namesOfInodes(base);
  const entries: ExpectedEntry[] = [];
  for (const [path, entry] of tree) {
    const described = describe(path, entry, names);
    const before = base.get(path);
    const same = before !== undefined && isDeepStrictEqual(described, describe(path, before, namesInBase));
    if (!same && !isMounted(described)) entries.push(described);
  }
  return entries;
}

function describe(
  path: string,
  entry: TarEntry,
  names: ReadonlyMap<TarEntry, readonly string[]>,
): ExpectedEntry {
  const type = TYPE_OF_FLAG[entry.type] ?? entry.type;
  const links = (names.get(entry) ?? []).filter((name) => name !== path).map(decode);
  const xattrs = Object.entries(entry.xattrs).map(([name, value]) => [
    name,
    Buffer.from(value, "latin1").toString("base64"),
  ]);
  return {
    path: decode(path),
    type,
    ...(type === "symlink"
      ? { target: decode(entry.link) }
      : { mode: entry.mode.toString(8).padStart(4, "0") }),
    uid: entry.uid,
    gid: entry.gid,
    ...(type === "file"
      ? { size: entry.size, sha256: createHash("sha256").update(entry.content).digest("hex") }
      : {}),
    ...(type === "char" || type === "block" ? { major: entry.major, minor: entry.minor } : {}),
    ...(xattrs.length > 0 ? { xattrs: Object.fromEntries(xattrs) } : {}),
    ...(links.length > 0 ? { links: links.toSorted() } : {}),
  };
}

function namesOfInodes(tree: FlatTree): ReadonlyMap<TarEntry, readonly string[]> {
  const names = new Map<TarEntry, string[]>();
  for (const [path, entry] of tree) names.set(entry, [...(names.get(entry) ?? []), path]);
  return names;
}

function isMounted(entry: { readonly path: string; readonly type: string; readonly size?: number }): boolean {
  if (MOUNTED_FILES.includes(entry.path)) return entry.type === "dir" || (entry.size ?? 0) === 0;
  return /^(dev|proc|sys)(\/|$)/.test(entry.path);
}

function differences(
  rows: readonly (readonly [name: string, actual: unknown, expected: unknown])[],
): readonly string[] {
  return rows
    .filter(([, actual, expected]) => !isDeepStrictEqual(actual, expected))
    .map(
      ([name, actual, expected]) =>
        `${name}: ${JSON.stringify(actual)}, recorded ${JSON.stringify(expected)}`,
    );
}

function isKept(path: string): boolean {
  return !isMounted({ path, type: "dir" });
}

function decode(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** The recording of another builder: the primary with the differing parts put in. */
export function applyVariant(expected: ExpectedImage, variant: Variant): ExpectedImage {
  const changed = new Map((variant.rootfs?.entries ?? []).map((entry) => [entry.path, entry]));
  const absent = new Set(variant.rootfs?.absent);
  const kept = expected.rootfs.entries.filter((entry) => !changed.has(entry.path) && !absent.has(entry.path));
  return {
    ...expected,
    config: { ...expected.config, ...variant.config },
    history: variant.history ?? expected.history,
    history_count: variant.history_count ?? expected.history_count,
    layer_count: variant.layer_count ?? expected.layer_count,
    rootfs: {
      entries: [...kept, ...changed.values()],
      removed: variant.rootfs?.removed ?? expected.rootfs.removed,
    },
  };
}
