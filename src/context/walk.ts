import { lstatSync, readdirSync, type Stats } from "node:fs";
import type { PathVerdict, PatternSet } from "../core/pattern/pattern-set.ts";
import { diskError, errnoOf, isMissing } from "./disk-error.ts";
import { DiskDirectories, toDiskPath } from "./disk-path.ts";
import { FLAG, KIND, NodeTable } from "./node-table.ts";
import type { StatCache } from "./stat-cache.ts";

export interface WalkOptions {
  /** Real path of the context as a byte string (latin1), no trailing slash. */
  readonly root: string;
  readonly patterns: PatternSet;
  readonly cache: StatCache;
  /** Paths inside the context that are not there for a build: the store. */
  readonly hidden: ReadonlySet<string>;
}

/**
 * The context as it is on disk, directory by directory as they are asked for: ignored entries left out, symlinks never
 * followed, names of any bytes. An excluded directory that an exception may reach into is there only if something in it is.
 */
export class ContextWalk implements Disposable {
  readonly table = new NodeTable();
  readonly cache: StatCache;
  readonly #root: string;
  readonly #patterns: PatternSet;
  readonly #hidden: ReadonlySet<string>;
  readonly #directories = new DiskDirectories();
  readonly #prefixes = new Map<number, string>();
  readonly #verdicts = new Map<number, PathVerdict>();
  readonly #carried = new Map<number, number[]>();

  /** Throws the errno error of lstat where the root cannot be read. */
  constructor(options: WalkOptions) {
    this.cache = options.cache;
    this.#root = options.root;
    this.#patterns = options.patterns;
    this.#hidden = options.hidden;
    this.table.add(-1, "", lstatSync(toDiskPath(`${options.root}/`)), -1);
    this.#verdicts.set(0, options.patterns.root);
  }

  /** Rows of the stat cache for names of this directory that are on disk but ignored: kept for builds that take them in. */
  carried(dir: number): readonly number[] {
    return this.#carried.get(dir) ?? [];
  }

  isOpen(dir: number): boolean {
    return (this.table.firsts[dir] ?? -1) >= 0;
  }

  /** Number of the directory in the stat cache; -1 where it has none. */
  cachedDir(dir: number): number {
    return dir === 0 ? this.cache.rootDir : this.cache.dirOf(this.table.cached[dir] ?? -1);
  }

  /** What system calls take for this entry. */
  diskPath(node: number): string | Buffer {
    if (node === 0) return toDiskPath(`${this.#root}/`);
    return toDiskPath(this.#prefix(this.table.parents[node] ?? 0) + (this.table.names[node] ?? ""));
  }

  /** Rows of a directory that a build sees: no sockets, no excluded directories with nothing in them. Opens it. */
  *children(dir: number): Iterable<number> {
    this.open(dir);
    const first = this.table.firsts[dir] ?? 0;
    const end = first + (this.table.counts[dir] ?? 0);
    for (let node = first; node < end; node++) {
      if (this.table.kinds[node] !== KIND.socket && this.isPresent(node)) yield node;
    }
  }

  /** False for an excluded directory that turns out to hold nothing that is kept. */
  isPresent(node: number): boolean {
    if (!this.table.hasFlag(node, FLAG.provisional) || this.table.hasFlag(node, FLAG.present)) return true;
    if (this.table.hasFlag(node, FLAG.absent)) return false;
    for (const dir of this.subdirectories(node, (each) => this.table.hasFlag(each, FLAG.provisional))) {
      this.#settle(dir);
    }
    return !this.table.hasFlag(node, FLAG.absent);
  }

  /**
   * The directory and those below it that `enters` says to go into, deepest first (a directory after all in it), without
   * recursion: trees are as deep as they like.
   */
  subdirectories(top: number, enters: (dir: number) => boolean = () => true): readonly number[] {
    const found: number[] = [];
    const open = [top];
    for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
      this.open(dir);
      found.push(dir);
      const first = this.table.firsts[dir] ?? 0;
      for (let node = first + (this.table.counts[dir] ?? 0) - 1; node >= first; node--) {
        if (this.table.isDir(node) && enters(node)) open.push(node);
      }
    }
    return found.toReversed();
  }

  /** Reads a directory once. Throws `context/unreadable` or `context/changed`. */
  open(dir: number): void {
    if (this.isOpen(dir)) return;
    const { table } = this;
    const isExcluded = table.hasFlag(dir, FLAG.provisional);
    const names = this.#readNames(dir, isExcluded);
    const first = table.size;
    table.firsts[dir] = first;
    if (names.length > 0) this.#addEntries(dir, names);
    table.counts[dir] = table.size - first;
  }

  [Symbol.dispose](): void {
    this.#directories[Symbol.dispose]();
  }

  #readNames(dir: number, isExcluded: boolean): readonly string[] {
    try {
      return readdirSync(toDiskPath(this.#prefix(dir)), { encoding: "latin1" }).toSorted();
    } catch (error) {
      // Docker looks into an excluded directory for exceptions, and passes over what it may not read there.
      if (isExcluded && errnoOf(error) === "EACCES") return [];
      throw diskError(error, this.table.path(dir));
    }
  }

  #addEntries(dir: number, names: readonly string[]): void {
    const prefix = this.#prefix(dir);
    const hasPatterns = this.#patterns.patterns.length > 0;
    const needsPaths = hasPatterns || this.#hidden.size > 0;
    const path = needsPaths ? this.table.path(dir) : "";
    const verdict = this.#verdicts.get(dir) ?? this.#patterns.root;
    const { first, end } = this.cache.range(this.cachedDir(dir));
    let row = first;
    for (const name of names) {
      while (row < end && this.cache.compareName(row, name) < 0) row += 1;
      const cached = row < end && this.cache.compareName(row, name) === 0 ? row : -1;
      const childPath = needsPaths ? (path === "" ? name : `${path}/${name}`) : "";
      if (this.#hidden.has(childPath) && needsPaths) continue;
      if (hasPatterns && this.#patterns.isExcluded(verdict, childPath)) {
        if (!this.#addExcluded({ dir, name, path: childPath, cached, above: verdict }) && cached >= 0) {
          this.#carry(dir, cached);
        }
        continue;
      }
      const stats = this.#stat(prefix, name, dir);
      if (stats === undefined) continue;
      const node = this.table.add(dir, name, stats, cached);
      if (hasPatterns && stats.isDirectory())
        this.#verdicts.set(node, this.#patterns.enter(verdict, childPath));
    }
  }

  /** An excluded entry is of interest only as a directory that an exception may reach into. */
  #addExcluded(entry: {
    readonly dir: number;
    readonly name: string;
    readonly path: string;
    readonly cached: number;
    readonly above: PathVerdict;
  }): boolean {
    const verdict = this.#patterns.enter(entry.above, entry.path);
    if (this.#patterns.canPrune(verdict, entry.path)) return false;
    const stats = this.#stat(this.#prefix(entry.dir), entry.name, entry.dir);
    if (stats?.isDirectory() !== true) return false;
    const node = this.table.add(entry.dir, entry.name, stats, entry.cached);
    this.table.setFlag(node, FLAG.provisional);
    this.#verdicts.set(node, verdict);
    return true;
  }

  #carry(dir: number, row: number): void {
    const rows = this.#carried.get(dir);
    if (rows === undefined) this.#carried.set(dir, [row]);
    else rows.push(row);
  }

  /** undefined: gone since the directory was read. */
  #stat(prefix: string, name: string, dir: number): Stats | undefined {
    try {
      return lstatSync(toDiskPath(prefix + name));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw diskError(error, `${this.table.path(dir)}/${name}`.replace(/^\//, ""));
    }
  }

  #prefix(dir: number): string {
    if (dir === 0) return `${this.#root}/`;
    const known = this.#prefixes.get(dir);
    if (known !== undefined) return known;
    const parent = this.table.parents[dir] ?? 0;
    const above = this.#prefixes.get(parent) ?? this.#prefix(parent);
    try {
      const prefix = this.#directories.enter(above, this.table.names[dir] ?? "");
      this.#prefixes.set(dir, prefix);
      return prefix;
    } catch (error) {
      throw diskError(error, this.table.path(dir));
    }
  }

  #settle(dir: number): void {
    const first = this.table.firsts[dir] ?? 0;
    const end = first + (this.table.counts[dir] ?? 0);
    for (let node = first; node < end; node++) {
      if (this.table.kinds[node] === KIND.socket || this.table.hasFlag(node, FLAG.absent)) continue;
      this.table.setFlag(dir, FLAG.present);
      return;
    }
    this.table.setFlag(dir, FLAG.absent);
  }
}
