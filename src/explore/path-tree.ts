import type { BytePath } from "../core/byte-path.ts";

/** A file that can be seen: how many bytes, and in which layer (0 is the bottom) they are stored. */
export interface StoredFile {
  readonly path: BytePath;
  readonly bytes: number;
  readonly layer: number;
}

interface Node {
  readonly children: Map<string, Node>;
  file: StoredFile | undefined;
  /** Something is at this path itself, not only below it. */
  isThere: boolean;
}

/** What can be seen while layers are stacked: enough of a file system to know what a layer hides. */
export class PathTree {
  readonly #root: Node = newNode();

  has(path: BytePath): boolean {
    return this.#find(path)?.isThere === true;
  }

  isDirectory(path: BytePath): boolean {
    const node = this.#find(path);
    return node !== undefined && node.file === undefined;
  }

  /** Hides all below a path and, unless `keepSelf`, the path; calls back with each file that is no longer seen. */
  hide(path: BytePath, onHidden: (file: StoredFile) => void, keepSelf = false): boolean {
    const node = this.#find(path);
    if (node === undefined) return false;
    const wasThere = node.isThere || node.children.size > 0;
    if (!keepSelf) {
      if (node.file !== undefined) onHidden(node.file);
      node.file = undefined;
      node.isThere = false;
    }
    const open = [...node.children.values()];
    node.children.clear();
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.file !== undefined) onHidden(next.file);
      open.push(...next.children.values());
    }
    return wasThere;
  }

  /** `file` is undefined for a directory. A file where a directory has to be is no longer seen. */
  put(path: BytePath, file: StoredFile | undefined, onHidden: (file: StoredFile) => void): void {
    let node = this.#root;
    for (const part of path.split("/")) {
      if (node.file !== undefined) onHidden(node.file);
      node.file = undefined;
      let next = node.children.get(part);
      if (next === undefined) {
        next = newNode();
        node.children.set(part, next);
      }
      node = next;
    }
    node.file = file;
    node.isThere = true;
  }

  #find(path: BytePath): Node | undefined {
    let node: Node | undefined = this.#root;
    if (path === "") return node;
    for (const part of path.split("/")) {
      node = node.children.get(part);
      if (node === undefined) return undefined;
    }
    return node;
  }
}

function newNode(): Node {
  return { children: new Map(), file: undefined, isThere: false };
}
