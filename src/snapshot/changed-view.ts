import { type BytePath, compareBytes, joinPath, parentOf, ROOT_PATH } from "../core/byte-path.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import type { PackEntry } from "../core/ports.ts";
import { resolveInTree } from "./resolve.ts";

/** A snapshot with a workspace's changes on top: the file system of a container, without a mount. */
export class ChangedView implements Pick<FileTree, "facts" | "resolve" | "read"> {
  readonly #below: FileTree;
  readonly #changes: ReadonlyMap<BytePath, PackEntry>;

  constructor(below: FileTree, changes: Iterable<PackEntry>) {
    this.#below = below;
    this.#changes = new Map(Array.from(changes, (change) => [change.entry.path, change]));
  }

  facts(path: BytePath): FileFacts | undefined {
    const change = this.#changes.get(path);
    if (change === undefined) return this.#isHidden(path) ? undefined : this.#below.facts(path);
    const { kind, path: _path, digest: _digest, offset: _offset, ...facts } = { ...change.entry } as Entry;
    if (kind === "whiteout" || kind === "opaque") return undefined;
    // The first link of an inode is a file entry of the same changes.
    if (kind === "hardlink") return this.facts(asPath(facts.target));
    return { ...facts, type: kind };
  }

  resolve(path: BytePath, followLast: boolean): BytePath | undefined {
    return resolveInTree(this, path, followLast);
  }

  read(path: BytePath): Iterable<Uint8Array> {
    const change = this.#changes.get(path);
    if (change === undefined) return this.#below.read(path);
    if (change.entry.kind === "hardlink") return this.read(asPath(change.entry.target));
    return change.content?.() ?? [];
  }

  /** Everything but the root itself as entries of one tar: byte order, hard links after their targets. */
  *entries(): Generator<PackEntry> {
    const firstOfInode = new Map<number, BytePath>();
    for (const path of this.#paths().toSorted(compareBytes)) {
      const change = this.#changes.get(path);
      yield change ?? this.#entryOfBelow(path, firstOfInode);
    }
  }

  #entryOfBelow(path: BytePath, firstOfInode: Map<number, BytePath>): PackEntry {
    const found = this.#below.facts(path);
    if (found === undefined) throw new Error(`listed and not there: ${path}`);
    const { type, linkGroup, ...facts } = found;
    const first = linkGroup === undefined ? undefined : firstOfInode.get(linkGroup);
    if (first !== undefined) return { entry: { ...facts, path, kind: "hardlink", size: 0, target: first } };
    if (linkGroup !== undefined) firstOfInode.set(linkGroup, path);
    const entry = { ...facts, path, kind: type };
    return type === "file" ? { entry, content: () => this.#below.read(path) } : { entry };
  }

  #paths(): BytePath[] {
    const found: BytePath[] = [];
    for (const [path, { entry }] of this.#changes) {
      if (entry.kind !== "whiteout" && entry.kind !== "opaque") found.push(path);
    }
    const open: BytePath[] = [ROOT_PATH];
    for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
      for (const name of this.#below.names(dir)) {
        const path = joinPath(dir, name);
        const change = this.#changes.get(path);
        if (change === undefined) found.push(path);
        const isDirectory =
          (change?.entry.kind ?? "dir") === "dir" && this.#below.facts(path)?.type === "dir";
        if (isDirectory) open.push(path);
      }
    }
    return found;
  }

  /** Below something that was removed, or that is no directory any more. */
  #isHidden(path: BytePath): boolean {
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) {
      const kind = this.#changes.get(at)?.entry.kind;
      if (kind !== undefined && kind !== "dir") return true;
    }
    return false;
  }
}

type Entry = PackEntry["entry"] & { readonly digest?: unknown; readonly offset?: unknown };

function asPath(target: string | undefined): BytePath {
  return joinPath(ROOT_PATH, target ?? "");
}
