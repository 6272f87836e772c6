import { type BytePath, baseName, joinPath, parentOf, ROOT_PATH } from "../core/byte-path.ts";
import type { TocEntry } from "../core/file-tree.ts";
import { unsafe } from "./entry-name.ts";
import { type Toc, TocBuilder } from "./toc.ts";

/** What a name stands for; hard links share one. `entry.path` is the name it came with. */
export interface Inode {
  entry: TocEntry;
  /** See Toc. */
  sparse?: readonly number[] | undefined;
  /** False: the disk does not have it (a device that may not be made there). */
  onDisk: boolean;
}

export interface Node {
  /** undefined: a directory that no entry lists, or a bare whiteout. */
  inode: Inode | undefined;
  /** Directories only. */
  children: Map<string, Node> | undefined;
  /** Place of the entry in the tar. */
  order: number;
  /** Deletion markers for what the layers below have: this name, everything in this directory. */
  whiteout: Marker | undefined;
  opaque: Marker | undefined;
}

interface Marker {
  readonly entry: TocEntry;
  readonly order: number;
}

/** A name in its directory, which exists and has no symlink on the way to it. */
export interface Slot {
  readonly path: BytePath;
  readonly parent: Node;
  readonly base: string;
}

/** What happens to the names of the layer, told as it happens, so that a directory on disk can follow. */
export interface TreeEvents {
  makeDir(path: BytePath): void;
  /** A name and everything below it goes, to make room. */
  remove(path: BytePath): void;
  makeWhiteout(path: BytePath): void;
  /** The directory hides what the layers below have in it. */
  makeOpaque(path: BytePath): void;
}

/** As the kernel counts. */
const MAX_SYMLINK_HOPS = 40;

/**
 * The file system that the entries of one layer make, in memory: duplicates (the last one wins), names that lead through the
 * layer's own symlinks (resolved inside it, as in a chroot), hard links whose first name is gone. What is written to a disk is
 * written where this says, so no path that reaches the disk has a symlink in it.
 */
export class LayerTree {
  readonly root: Node = newNode(new Map());
  readonly #events: TreeEvents | undefined;
  #order = 0;
  /** The directory of the entry before: most entries are in the same one. */
  #last: { readonly name: BytePath; readonly place: Place } | undefined;

  constructor(events?: TreeEvents) {
    this.#events = events;
  }

  /** Where a name is; its parents are made where they are missing. Not for the root. */
  slot(name: BytePath): Slot {
    const parentName = parentOf(name);
    const place = this.#last?.name === parentName ? this.#last.place : this.#enter(parentName);
    this.#last = { name: parentName, place };
    const base = baseName(name);
    return { path: joinPath(place.path, base), parent: place.node, base };
  }

  /** A directory's facts. One that is there stays, with all that is in it. */
  putDir(name: BytePath, inode: Inode): void {
    if (name === "") {
      this.root.inode = inode;
      this.root.order = this.#order++;
      return;
    }
    const slot = this.slot(name);
    let node = slot.parent.children?.get(slot.base);
    if (node?.children === undefined) node = this.#makeDir(slot);
    node.inode = inode;
    node.order = this.#order++;
  }

  /** Anything but a directory; what the name stood for goes. Bare markers for lower layers stay in the books. */
  put(slot: Slot, inode: Inode): Node {
    const node = this.#makeRoom(slot);
    node.inode = inode;
    node.order = this.#order++;
    return node;
  }

  /** What a name stands for, through the layer's own symlinks (the last component not followed). */
  find(name: BytePath): Place | undefined {
    if (name === "") return { node: this.root, path: name };
    const parent = this.#walk(parentOf(name), undefined);
    const node = parent?.node.children?.get(baseName(name));
    return parent === undefined || node === undefined
      ? undefined
      : { node, path: joinPath(parent.path, baseName(name)) };
  }

  /** Hides what lower layers have under this name. */
  hide(name: BytePath, entry: TocEntry): void {
    const slot = this.slot(name);
    const node = slot.parent.children?.get(slot.base) ?? newNode(undefined);
    const isNew = node.inode === undefined && node.children === undefined && node.whiteout === undefined;
    slot.parent.children?.set(slot.base, node);
    node.whiteout = { entry: { ...entry, path: slot.path }, order: this.#order++ };
    if (isNew) this.#events?.makeWhiteout(slot.path);
    else if (node.children !== undefined) this.#events?.makeOpaque(slot.path);
  }

  /** Hides what lower layers have in this directory. */
  hideBelow(name: BytePath, entry: TocEntry): void {
    const { node, path } = this.#enter(name);
    node.opaque = { entry: { ...entry, path }, order: this.#order++ };
    this.#events?.makeOpaque(path);
  }

  /** Every path of the tree, a directory after what is in it. */
  *postOrder(node: Node = this.root, path: BytePath = ROOT_PATH): Generator<readonly [BytePath, Node]> {
    for (const [name, child] of node.children ?? []) yield* this.postOrder(child, joinPath(path, name));
    yield [path, node];
  }

  /** The table of what is left, in the tar's order. The first name of an inode has the content, others are hard links to it. */
  toc(): Toc {
    const rows: { readonly order: number; readonly entry: TocEntry; readonly inode?: Inode }[] = [];
    for (const [path, { inode, order, whiteout, opaque }] of this.postOrder()) {
      for (const marker of [whiteout, opaque]) if (marker !== undefined) rows.push(marker);
      if (inode !== undefined) rows.push({ order, entry: { ...inode.entry, path }, inode });
    }
    const builder = new TocBuilder();
    const firstNames = new Map<Inode, BytePath>();
    for (const { entry, inode } of rows.toSorted((a, b) => a.order - b.order)) {
      const first = inode === undefined ? undefined : firstNames.get(inode);
      if (first !== undefined) {
        builder.add(hardLink(entry, first));
        continue;
      }
      if (inode !== undefined) firstNames.set(inode, entry.path);
      builder.add(entry, inode?.sparse);
    }
    return builder.build();
  }

  #enter(name: BytePath): Place {
    const place = this.#walk(name, (slot) => this.#makeDir(slot));
    if (place === undefined) throw unsafe(name, "it lies below something that is no directory");
    return place;
  }

  /** The directory that a name leads to; undefined where it leads nowhere and `make` is not given. */
  #walk(name: BytePath, make: ((slot: Slot) => Node) | undefined): Place | undefined {
    const top: Place = { node: this.root, path: ROOT_PATH };
    // The way from the root to here, for "..".
    const trail: Place[] = [];
    let here = top;
    const todo = name.split("/").toReversed();
    let hops = 0;
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "..") here = trail.pop() ?? here;
      if (part === "" || part === "." || part === "..") continue;
      const found = here.node.children?.get(part);
      const target = symlinkTarget(found);
      if (target === undefined) {
        const node = isFree(found)
          ? make?.({ path: joinPath(here.path, part), parent: here.node, base: part })
          : found;
        if (node?.children === undefined) return undefined;
        trail.push(here);
        here = { node, path: joinPath(here.path, part) };
        continue;
      }
      hops += 1;
      if (hops > MAX_SYMLINK_HOPS) throw unsafe(name, "it leads through a loop of symlinks");
      if (target.startsWith("/")) {
        here = top;
        trail.length = 0;
      }
      todo.push(...target.split("/").toReversed());
    }
    return here;
  }

  #makeDir(slot: Slot): Node {
    const node = this.#makeRoom(slot);
    node.children = new Map();
    this.#events?.makeDir(slot.path);
    if (node.whiteout !== undefined) this.#events?.makeOpaque(slot.path);
    return node;
  }

  /** An empty node under the name, and nothing on the disk. */
  #makeRoom({ path, parent, base }: Slot): Node {
    const node = parent.children?.get(base);
    if (node === undefined) {
      const fresh = newNode(undefined);
      parent.children?.set(base, fresh);
      return fresh;
    }
    // Names that led through here lead elsewhere now.
    if (node.children !== undefined || node.inode?.entry.kind === "symlink") this.#last = undefined;
    const isBare = node.inode === undefined && node.children === undefined;
    if (isBare || node.children !== undefined || node.inode?.onDisk === true) this.#events?.remove(path);
    node.inode = undefined;
    node.children = undefined;
    node.opaque = undefined;
    return node;
  }
}

/** A node and where it really is. */
export interface Place {
  readonly node: Node;
  readonly path: BytePath;
}

function symlinkTarget(node: Node | undefined): string | undefined {
  const entry = node?.inode?.entry;
  return entry?.kind === "symlink" ? (entry.target ?? "") : undefined;
}

/** Nothing is there that a directory could not take the place of unasked. */
function isFree(node: Node | undefined): boolean {
  return node?.inode === undefined && node?.children === undefined;
}

function newNode(children: Map<string, Node> | undefined): Node {
  return { inode: undefined, children, order: -1, whiteout: undefined, opaque: undefined };
}

function hardLink(entry: TocEntry, target: BytePath): TocEntry {
  const { path, mode, uid, gid, mtimeSeconds, mtimeNanos } = entry;
  return { path, kind: "hardlink", mode, uid, gid, size: 0, mtimeSeconds, mtimeNanos, target };
}
