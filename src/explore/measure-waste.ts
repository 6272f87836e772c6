import type { TocEntry } from "../core/file-tree.ts";
import { PathTree, type StoredFile } from "./path-tree.ts";

/** What one layer did to what lies below it. `bytes`: of the files it stores. */
export interface LayerNumbers {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly bytes: number;
}

/** Bytes that are stored in one layer and hidden by a later one. Layers count from 0, the bottom. */
export interface WastedFile extends StoredFile {
  readonly hiddenBy: number;
  readonly how: "replaced" | "removed";
}

export interface ImageNumbers {
  readonly layers: readonly LayerNumbers[];
  /** Of all files in all layers. */
  readonly bytes: number;
  /** Of the layers above the bottom one: what the author can do something about. */
  readonly userBytes: number;
  readonly wastedBytes: number;
  /** Bytes that can be seen out of bytes that are stored, 0 to 1. */
  readonly efficiency: number;
  /** Wasted bytes out of the author's, 0 to 1 and more. */
  readonly userWasted: number;
  /** Largest first. */
  readonly wasted: readonly WastedFile[];
}

/** `layers`: the entries of each, bottom first. */
export function measureWaste(layers: readonly Iterable<TocEntry>[]): ImageNumbers {
  const tree = new PathTree();
  const wasted: WastedFile[] = [];
  const numbers = layers.map((entries, layer) => addLayer(entries, { layer, tree, wasted }));
  const bytes = sum(numbers);
  const userBytes = sum(numbers.slice(1));
  const wastedBytes = sum(wasted);
  return {
    layers: numbers,
    bytes,
    userBytes,
    wastedBytes,
    efficiency: bytes === 0 ? 1 : (bytes - wastedBytes) / bytes,
    userWasted: userBytes === 0 ? 0 : wastedBytes / userBytes,
    wasted: wasted.toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)),
  };
}

interface Stacking {
  readonly layer: number;
  readonly tree: PathTree;
  readonly wasted: WastedFile[];
}

/** Whiteouts first: they hide what lies below, never what their own layer brings (OCI image spec, layer.md). */
function addLayer(entries: Iterable<TocEntry>, { layer, tree, wasted }: Stacking): LayerNumbers {
  const counts = { added: 0, changed: 0, removed: 0, bytes: 0 };
  const waste = (how: WastedFile["how"]) => (file: StoredFile) => {
    if (file.bytes > 0) wasted.push({ ...file, hiddenBy: layer, how });
  };
  const present: TocEntry[] = [];
  for (const entry of entries) {
    if (entry.kind === "whiteout") {
      if (tree.hide(entry.path, waste("removed"))) counts.removed += 1;
    } else if (entry.kind === "opaque") tree.hide(entry.path, waste("removed"), true);
    else present.push(entry);
  }
  for (const entry of present) {
    if (tree.has(entry.path)) counts.changed += 1;
    else counts.added += 1;
    // A directory over a directory merges with it.
    if (entry.kind !== "dir" || !tree.isDirectory(entry.path)) tree.hide(entry.path, waste("replaced"));
    const bytes = entry.kind === "file" ? entry.size : 0;
    counts.bytes += bytes;
    tree.put(
      entry.path,
      entry.kind === "dir" ? undefined : { path: entry.path, bytes, layer },
      waste("replaced"),
    );
  }
  return counts;
}

function sum(rows: readonly { readonly bytes: number }[]): number {
  return rows.reduce((total, { bytes }) => total + bytes, 0);
}
