import ignore, { type Ignore } from "ignore";
import { type BytePath, baseName, decodePath, joinPath, parentOf, ROOT_PATH } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";

/** Larger than any that people write. */
const MAX_BYTES = 1 << 20;

/**
 * What git would ignore in a tree, by the .gitignore files in it (gitignore(5); the user's own excludes and what is tracked all
 * the same are not known here). Paths are asked for from the top down or in any order; answers are remembered by folder.
 */
export class GitIgnore {
  readonly #tree: FileTree;
  readonly #matchers = new Map<BytePath, Ignore | undefined>();
  readonly #dirs = new Map<BytePath, BytePath | undefined>([[ROOT_PATH, undefined]]);

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  /** The path, or the topmost directory above it, that git ignores; undefined where git would take it. */
  ignoredAt(path: BytePath, isDir: boolean): BytePath | undefined {
    const above = this.#dirIgnoredAt(parentOf(path));
    return above ?? (this.#isIgnored(path, isDir) ? path : undefined);
  }

  #dirIgnoredAt(dir: BytePath): BytePath | undefined {
    const open: BytePath[] = [];
    let at = dir;
    while (!this.#dirs.has(at)) {
      open.push(at);
      at = parentOf(at);
    }
    let found = this.#dirs.get(at);
    for (const next of open.toReversed()) {
      found ??= this.#isIgnored(next, true) ? next : undefined;
      this.#dirs.set(next, found);
    }
    return found;
  }

  /** The deepest .gitignore that says anything about a path decides. */
  #isIgnored(path: BytePath, isDir: boolean): boolean {
    let rest: string = baseName(path);
    for (let dir = parentOf(path); ; dir = parentOf(dir)) {
      const answer = this.#matcherOf(dir)?.test(decodePath(rest) + (isDir ? "/" : ""));
      if (answer?.ignored === true) return true;
      if (answer?.unignored === true || dir === "") return false;
      rest = `${baseName(dir)}/${rest}`;
    }
  }

  #matcherOf(dir: BytePath): Ignore | undefined {
    if (this.#matchers.has(dir)) return this.#matchers.get(dir);
    const path = joinPath(dir, ".gitignore");
    const facts = this.#tree.facts(path);
    const isReadable = facts?.type === "file" && facts.size <= MAX_BYTES;
    const matcher = isReadable
      ? ignore({ ignorecase: false, allowRelativePaths: true }).add(this.#read(path))
      : undefined;
    this.#matchers.set(dir, matcher);
    return matcher;
  }

  #read(path: BytePath): string {
    return Buffer.concat([...this.#tree.read(path)].map((piece) => Buffer.from(piece))).toString("utf8");
  }
}
