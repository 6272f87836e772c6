import { readTar, type TarEntry } from "./tar-reader.ts";

/** A file system as the layers leave it: path (latin1) to entry. Paths that are one inode share the entry object. */
export type FlatTree = ReadonlyMap<string, TarEntry>;

/** Layers applied bottom first, as the OCI image spec's layer.md says: whiteouts hide only what lies below their layer. */
export function flattenLayers(layers: readonly Buffer[]): FlatTree {
  const tree = new Map<string, TarEntry>();
  for (const layer of layers) applyLayer(tree, readTar(layer));
  return tree;
}

function applyLayer(tree: Map<string, TarEntry>, entries: readonly TarEntry[]): void {
  const named = entries.map((entry) => ({ entry, path: clean(entry.path) }));
  for (const { path } of named) hide(tree, path);
  for (const { entry, path } of named) {
    if (path === "" || isWhiteout(path)) continue;
    const before = tree.get(path);
    if (before?.type === "5" && entry.type !== "5") removeBelow(tree, path);
    const linked = entry.type === "1" ? tree.get(clean(entry.link)) : entry;
    if (linked === undefined) throw new Error(`${path} is a hard link to ${entry.link}, which is not there`);
    tree.set(path, linked);
  }
}

function hide(tree: Map<string, TarEntry>, path: string): void {
  const [folder, name] = split(path);
  if (name === ".wh..wh..opq") removeBelow(tree, folder);
  else if (name.startsWith(".wh.")) {
    const hidden = folder === "" ? name.slice(4) : `${folder}/${name.slice(4)}`;
    removeBelow(tree, hidden);
    tree.delete(hidden);
  }
}

function removeBelow(tree: Map<string, TarEntry>, folder: string): void {
  const prefix = folder === "" ? "" : `${folder}/`;
  for (const path of tree.keys()) if (path.startsWith(prefix)) tree.delete(path);
}

function isWhiteout(path: string): boolean {
  return split(path)[1].startsWith(".wh.");
}

function split(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

function clean(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
