import { type BytePath, baseName, parentOf, ROOT_PATH } from "../core/byte-path.ts";
import { kindAt, type Toc } from "../layer/toc.ts";

/** What one layer says of a path. `row`: of the table; `implicit`: a directory that only its children tell of. */
export type LayerAnswer =
  | { readonly type: "row"; readonly row: number }
  | { readonly type: "implicit" }
  /** The layers below must not be asked: a whiteout, an opaque parent, or something that is no directory is in the way. */
  | { readonly type: "hidden" }
  | { readonly type: "unknown" };

/**
 * A table of contents by path: made once a layer, shared by every stack it is part of. Nothing is copied out of the table but row
 * numbers; the names of directories are gathered when somebody lists one.
 */
export class LayerIndex {
  readonly toc: Toc;
  readonly #rows = new Map<BytePath, number>();
  readonly #implicit = new Set<BytePath>();
  /** Whiteouts and opaque directories. */
  readonly #whiteouts = new Set<BytePath>();
  readonly #opaques = new Set<BytePath>();
  /** Inodes with several links in this layer: first row to all rows. */
  readonly #links = new Map<number, number[]>();
  readonly #firstOf = new Map<number, number>();
  #children: Map<BytePath, string[]> | undefined;

  constructor(toc: Toc) {
    this.toc = toc;
    for (let row = 0; row < toc.length; row++) this.#add(row);
    for (let row = 0; row < toc.length; row++) if (toc.kinds[row] === "h") this.#link(row);
  }

  answer(path: BytePath): LayerAnswer {
    const row = this.#rows.get(path);
    if (row !== undefined) return { type: "row", row };
    if (this.#implicit.has(path)) return { type: "implicit" };
    return this.#hides(path) ? { type: "hidden" } : { type: "unknown" };
  }

  /** True where a directory of this layer does not merge with one below. */
  replaces(path: BytePath): boolean {
    return this.#opaques.has(path) || this.#whiteouts.has(path) || this.#hidesBelow(path);
  }

  /** Names that this layer puts into a directory, unsorted. */
  names(dir: BytePath): readonly string[] {
    this.#children ??= this.#gather();
    return this.#children.get(dir) ?? [];
  }

  /** Names in a directory that this layer takes away from those below: whiteouts, and what replaces a directory whole. */
  removedFrom(dir: BytePath): readonly string[] {
    if (this.#whiteouts.size === 0) return [];
    const prefix = dir === "" ? "" : `${dir}/`;
    return [...this.#whiteouts].flatMap((path) =>
      parentOf(path) === dir ? [path.slice(prefix.length)] : [],
    );
  }

  /** Rows of one inode, the first and its hard links; undefined where it has one name only. */
  linksOf(row: number): { readonly first: number; readonly rows: readonly number[] } | undefined {
    const first = this.#firstOf.get(row) ?? row;
    const rows = this.#links.get(first);
    return rows === undefined ? undefined : { first, rows };
  }

  /** The row that holds the inode's facts. */
  inodeRow(row: number): number {
    return this.#firstOf.get(row) ?? row;
  }

  #add(row: number): void {
    const path = this.toc.paths[row];
    if (path === undefined) return;
    const letter = this.toc.kinds[row];
    if (letter === "w") this.#whiteouts.add(path);
    else if (letter === "o") this.#opaques.add(path);
    else {
      this.#rows.set(path, row);
      this.#addParents(path);
    }
  }

  /** Most tars list parents before children: then nothing is added. */
  #addParents(path: BytePath): void {
    for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) {
      if (this.#rows.has(parent) || this.#implicit.has(parent)) return;
      this.#implicit.add(parent);
    }
  }

  #link(row: number): void {
    const target = this.toc.targets.get(row);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a link target in a table is a path of its layer
    const first = target === undefined ? undefined : this.#rows.get(target as BytePath);
    if (first === undefined || kindAt(this.toc, first) === "dir") return;
    const root = this.#firstOf.get(first) ?? first;
    this.#firstOf.set(row, root);
    const rows = this.#links.get(root) ?? [root];
    rows.push(row);
    this.#links.set(root, rows);
  }

  #hides(path: BytePath): boolean {
    return this.#whiteouts.has(path) || this.#hidesBelow(path);
  }

  /** Something on the way to the path keeps what lies below from showing. */
  #hidesBelow(path: BytePath): boolean {
    for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) {
      if (this.#whiteouts.has(parent) || this.#opaques.has(parent)) return true;
      const row = this.#rows.get(parent);
      if (row !== undefined && this.toc.kinds[row] !== "d") return true;
    }
    return this.#opaques.has(ROOT_PATH);
  }

  #gather(): Map<BytePath, string[]> {
    const children = new Map<BytePath, string[]>();
    for (const paths of [this.#rows.keys(), this.#implicit]) {
      for (const path of paths) {
        if (path === "") continue;
        const parent = parentOf(path);
        const names = children.get(parent);
        if (names === undefined) children.set(parent, [baseName(path)]);
        else names.push(baseName(path));
      }
    }
    return children;
  }
}
