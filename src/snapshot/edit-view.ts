import {
  type BytePath,
  baseName,
  compareBytes,
  decodePath,
  joinPath,
  parentOf,
  ROOT_PATH,
} from "../core/byte-path.ts";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree, Xattrs } from "../core/file-tree.ts";
import type { PackEntry } from "../core/ports.ts";
import { resolveInTree } from "./resolve.ts";

/** A path that the step writes: its facts, and where a regular file's bytes come from. */
export interface Edit {
  readonly facts: FileFacts;
  readonly content?: (() => Iterable<Uint8Array>) | undefined;
  readonly digest?: Digest | undefined;
  /** The first path of the same inode in this layer: this one becomes a hard link to it. */
  readonly linkTo?: BytePath | undefined;
}

/**
 * A snapshot with changes on top that exist only in memory: what COPY, ADD and WORKDIR work on. `entries()` is the layer:
 * sorted, parents present with the snapshot's own metadata, entries equal to the snapshot's dropped.
 */
export class EditView {
  readonly #below: FileTree;
  readonly #edits = new Map<BytePath, Edit>();
  readonly #names = new Map<BytePath, Set<string>>();
  /** Paths of the snapshot that were taken away: what the snapshot has there and below does not show. */
  readonly #removed = new Set<BytePath>();

  constructor(below: FileTree) {
    this.#below = below;
  }

  facts(path: BytePath): FileFacts | undefined {
    return this.#edits.get(path)?.facts ?? (this.#hidden(path) ? undefined : this.#below.facts(path));
  }

  resolve(path: string, followLast: boolean): BytePath | undefined {
    return resolveInTree(this, path, followLast);
  }

  put(path: BytePath, edit: Edit): void {
    if (path === "") return;
    this.#edits.set(path, edit);
    const parent = parentOf(path);
    const names = this.#names.get(parent) ?? new Set();
    names.add(baseName(path));
    this.#names.set(parent, names);
  }

  /** What this view itself has at a path. */
  edit(path: BytePath): Edit | undefined {
    return this.#edits.get(path);
  }

  /** rm -rf: neither this view nor the snapshot has anything at or below the path from now on. */
  remove(path: BytePath): void {
    this.drop(path);
    if (this.#below.facts(path) !== undefined) this.#removed.add(path);
  }

  /** Takes back everything this view has put at and below a path (a file of ours becomes a directory of ours). */
  drop(path: BytePath): void {
    for (const name of this.#names.get(path) ?? []) this.drop(joinPath(path, name));
    this.#names.delete(path);
    this.#edits.delete(path);
    this.#names.get(parentOf(path))?.delete(baseName(path));
  }

  /** mkdir -p with BuildKit's rules: made directories get `mode` and `owner`; present ones stay; a file in the way is an error. */
  makeDirectories(
    path: string,
    made: {
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly mtimeSeconds: number;
    },
  ): BytePath {
    let at = ROOT_PATH;
    for (const part of path.split("/").filter((name) => name !== "" && name !== ".")) {
      const named = joinPath(at, part);
      const next = part === ".." ? parentOf(at) : this.resolve(named, true);
      if (next === undefined) throw notADirectory(named);
      const facts = this.facts(next);
      if (facts !== undefined && facts.type !== "dir") throw notADirectory(next);
      if (facts === undefined) {
        // Behind a dangling symlink there may be more to make than one directory.
        if (next !== named) this.makeDirectories(parentOf(next), made);
        this.put(next, { facts: { ...made, type: "dir", size: 0, mtimeNanos: 0 } });
      }
      at = next;
    }
    return at;
  }

  /** The canonical layer. */
  *entries(): Iterable<PackEntry> {
    const kept = [...this.#edits.entries()].filter(([path, edit]) => !this.#equalsBelow(path, edit));
    const paths = new Map(kept);
    const removed = Array.from(this.#removed).filter((path) => !this.#hiddenWithParent(path));
    const whiteouts = new Set(removed.flatMap((path) => [...this.#whiteouts(path)]));
    for (const path of [...paths.keys(), ...whiteouts]) {
      for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) {
        if (paths.has(parent)) break;
        const facts = this.facts(parent);
        if (facts !== undefined) paths.set(parent, { facts });
      }
    }
    for (const path of [...paths.keys(), ...whiteouts].toSorted(compareBytes)) {
      const edit = paths.get(path);
      if (edit === undefined) yield { entry: whiteout(path) };
      else yield toPackEntry(path, edit, paths);
    }
  }

  #hidden(path: BytePath): boolean {
    return this.#removed.has(path) || this.#hiddenWithParent(path);
  }

  /** Below something that is removed, or that this view has replaced by other than a directory. */
  #hiddenWithParent(path: BytePath): boolean {
    for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) {
      if (this.#removed.has(parent)) return true;
      const edit = this.#edits.get(parent);
      if (edit !== undefined && edit.facts.type !== "dir") return true;
    }
    return false;
  }

  /** What has to be hidden of a removed path, given what this view has put in its place since. */
  *#whiteouts(path: BytePath): Iterable<BytePath> {
    const edit = this.#edits.get(path);
    if (edit === undefined) yield path;
    else if (edit.facts.type === "dir" && this.#below.facts(path)?.type === "dir")
      for (const name of this.#below.names(path)) yield* this.#whiteouts(joinPath(path, name));
  }

  #equalsBelow(path: BytePath, edit: Edit): boolean {
    const before = this.#below.facts(path);
    if (before === undefined || before.type !== edit.facts.type) return false;
    if (edit.linkTo !== undefined || before.linkGroup !== undefined) return false;
    if (!sameFacts(before, edit.facts)) return false;
    return edit.facts.type !== "file" || this.#below.contentDigest(path) === edit.digest;
  }
}

export function whiteout(path: BytePath): PackEntry["entry"] {
  return { path, kind: "whiteout", mode: 0, uid: 0, gid: 0, size: 0, mtimeSeconds: 0, mtimeNanos: 0 };
}

function toPackEntry(path: BytePath, edit: Edit, kept: ReadonlyMap<BytePath, Edit>): PackEntry {
  const { type, linkGroup: _group, ...facts } = edit.facts;
  const entry = { ...facts, path };
  // A link's first path may have been overwritten since, or equal what lies below and be dropped: then this is a file.
  const target = edit.linkTo === undefined ? undefined : kept.get(edit.linkTo);
  if (edit.linkTo !== undefined && target?.digest === edit.digest && edit.linkTo < path) {
    return { entry: { ...entry, kind: "hardlink", size: 0, target: edit.linkTo } };
  }
  return {
    entry: { ...entry, kind: type },
    ...(edit.content === undefined ? {} : { content: edit.content }),
    ...(edit.digest === undefined ? {} : { digest: edit.digest }),
  };
}

function sameFacts(a: FileFacts, b: FileFacts): boolean {
  return (
    (a.mode === b.mode || a.type === "symlink") &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.size === b.size &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.target === b.target &&
    a.major === b.major &&
    a.minor === b.minor &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

function sameXattrs(a: Xattrs = {}, b: Xattrs = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

export function notADirectory(path: BytePath): BuildError {
  return new BuildError(
    "copy/not-a-directory",
    `/${decodePath(path)} is there already and is not a directory`,
    {
      hint: "Choose another destination, or remove it in a step above.",
    },
  );
}
