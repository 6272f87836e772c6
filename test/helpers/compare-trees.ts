import type { FlatTree } from "./flatten-layers.ts";
import type { TarEntry } from "./tar-reader.ts";

/** What a builder mounts during RUN, and may leave behind empty. */
const MOUNTED = /^(dev|proc|sys)(\/|$)|^(etc\/(hosts|hostname|resolv\.conf|mtab)|\.dockerenv)$/;

/** How two file systems differ, a line each; times apart. Paths are latin1. */
export function compareTrees(one: FlatTree, other: FlatTree): readonly string[] {
  const paths = [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => !MOUNTED.test(path))
    .toSorted();
  const [namesInOne, namesInOther] = [namesOf(one), namesOf(other)];
  return paths.flatMap((path) => {
    const [left, right] = [one.get(path), other.get(path)];
    if (left === undefined || right === undefined)
      return [`/${path}: only in the ${left === undefined ? "second" : "first"}`];
    const facts = [describe(left, namesInOne), describe(right, namesInOther)] as const;
    if (facts[0] !== facts[1]) return [`/${path}: ${facts[0]} and ${facts[1]}`];
    return left.content.equals(right.content) ? [] : [`/${path}: other content`];
  });
}

function describe(entry: TarEntry, names: ReadonlyMap<TarEntry, readonly string[]>): string {
  const { type, mode, uid, gid, link, major, minor, xattrs, content } = entry;
  const isDevice = type === "3" || type === "4";
  return JSON.stringify({
    type: type === "7" ? "0" : type,
    mode: type === "2" ? 0o777 : mode,
    owner: `${uid}:${gid}`,
    size: content.length,
    target: type === "2" ? link : "",
    device: isDevice ? `${major}:${minor}` : "",
    xattrs: Object.entries(xattrs)
      .map(([name, value]) => `${name}=${value}`)
      .toSorted(),
    names: (names.get(entry) ?? []).toSorted(),
  });
}

function namesOf(tree: FlatTree): ReadonlyMap<TarEntry, readonly string[]> {
  const names = new Map<TarEntry, string[]>();
  for (const [path, entry] of tree) {
    const known = names.get(entry);
    if (known === undefined) names.set(entry, [path]);
    else known.push(path);
  }
  return names;
}
