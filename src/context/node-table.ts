import type { Stats } from "node:fs";
import type { FileType } from "../core/file-tree.ts";

/** Kinds as small numbers; KIND_NAMES gives the word of each. */
export const KIND = { file: 0, dir: 1, symlink: 2, char: 3, block: 4, fifo: 5, socket: 6 } as const;
export const KIND_NAMES: readonly FileType[] = ["file", "dir", "symlink", "char", "block", "fifo", "socket"];

export const FLAG = {
  /** Its inode has other names, in the context or elsewhere. */
  multiLink: 1,
  /** An excluded directory that an exception may reach into: there only if something below it is. */
  provisional: 2,
  /** A provisional directory with nothing below it that is kept. */
  absent: 4,
  /** A provisional directory with something below it. */
  present: 8,
  /** The digest was made by reading now, long enough after the last change for later builds to trust it. */
  settled: 16,
  /** The digest was made by reading now, too soon after the last change. */
  unsettled: 32,
  /** The digest is that of the entry's row in the stat cache. */
  fromCache: 64,
} as const;

const KIND_OF_FORMAT: Readonly<Record<number, number>> = {
  0o10: KIND.file,
  0o04: KIND.dir,
  0o12: KIND.symlink,
  0o02: KIND.char,
  0o06: KIND.block,
  0o01: KIND.fifo,
  0o14: KIND.socket,
};

export function kindOf(stats: Stats): number {
  return KIND_OF_FORMAT[stats.mode >> 12] ?? KIND.socket;
}

/**
 * The entries met so far, a row each, in columns: 200,000 of them take about 25 MB. The entries of one directory are
 * contiguous and in byte order of name. Row 0 is the root.
 */
export class NodeTable {
  readonly names: string[] = [];
  readonly parents: number[] = [];
  readonly kinds: number[] = [];
  readonly modes: number[] = [];
  readonly flags: number[] = [];
  readonly sizes: number[] = [];
  readonly mtimes: number[] = [];
  readonly ctimes: number[] = [];
  readonly inodes: number[] = [];
  readonly devices: number[] = [];
  /** Row of the stat cache with the same place, -1 where it has none. */
  readonly cached: number[] = [];
  /** Of a directory: its first entry, -1 while it has not been opened; and how many it has. */
  readonly firsts: number[] = [];
  readonly counts: number[] = [];
  /** Entries with more than one link, in the order they were met. */
  readonly multiLinked: number[] = [];
  readonly #digestSlots: number[] = [];
  #digests = Buffer.alloc(0);
  #digestCount = 0;

  get size(): number {
    return this.names.length;
  }

  add(parent: number, name: string, stats: Stats, cached: number): number {
    const kind = kindOf(stats);
    this.names.push(name);
    this.parents.push(parent);
    this.kinds.push(kind);
    this.cached.push(cached);
    this.firsts.push(-1);
    this.counts.push(0);
    this.#digestSlots.push(-1);
    this.modes.push(0);
    this.flags.push(0);
    this.sizes.push(0);
    this.mtimes.push(0);
    this.ctimes.push(0);
    this.inodes.push(0);
    this.devices.push(0);
    const node = this.names.length - 1;
    this.setStats(node, stats);
    return node;
  }

  setStats(node: number, stats: Stats): void {
    this.modes[node] = stats.mode & 0o7777;
    this.sizes[node] = this.kinds[node] === KIND.file ? stats.size : 0;
    this.mtimes[node] = stats.mtimeMs;
    this.ctimes[node] = stats.ctimeMs;
    this.inodes[node] = stats.ino;
    this.devices[node] = stats.dev;
    if (stats.nlink <= 1 || this.kinds[node] === KIND.dir || this.hasFlag(node, FLAG.multiLink)) return;
    this.setFlag(node, FLAG.multiLink);
    this.multiLinked.push(node);
  }

  /** True where nothing about the entry has moved since its row was made. */
  hasStats(node: number, stats: Stats): boolean {
    return (
      kindOf(stats) === this.kinds[node] &&
      (stats.mode & 0o7777) === this.modes[node] &&
      (stats.size === this.sizes[node] || this.kinds[node] !== KIND.file) &&
      stats.mtimeMs === this.mtimes[node] &&
      stats.ctimeMs === this.ctimes[node] &&
      stats.ino === this.inodes[node] &&
      stats.dev === this.devices[node]
    );
  }

  isDir(node: number): boolean {
    return this.kinds[node] === KIND.dir;
  }

  hasFlag(node: number, flag: number): boolean {
    return ((this.flags[node] ?? 0) & flag) !== 0;
  }

  setFlag(node: number, flag: number): void {
    this.flags[node] = (this.flags[node] ?? 0) | flag;
  }

  /** 32 bytes: of a file's content, a symlink's target, a directory's listing. A view, valid until the next setDigest. */
  digest(node: number): Buffer | undefined {
    const slot = this.#digestSlots[node] ?? -1;
    return slot < 0 ? undefined : this.#digests.subarray(slot * 32, slot * 32 + 32);
  }

  setDigest(node: number, digest: Uint8Array): void {
    let slot = this.#digestSlots[node] ?? -1;
    if (slot < 0) {
      slot = this.#digestCount;
      this.#digestCount += 1;
      this.#digestSlots[node] = slot;
    }
    if (this.#digests.length < (slot + 1) * 32) {
      this.#digests = Buffer.concat([this.#digests], Math.max(8_192, this.#digests.length * 2));
    }
    this.#digests.set(digest, slot * 32);
  }

  /** Path inside the context, by names from the root down. */
  path(node: number): string {
    const parts: string[] = [];
    for (let at = node; at > 0; at = this.parents[at] ?? 0) parts.push(this.names[at] ?? "");
    return parts.toReversed().join("/");
  }

  /** The entry called `name` of an opened directory; undefined where it has none. */
  child(dir: number, name: string): number | undefined {
    const first = this.firsts[dir] ?? -1;
    let low = first;
    let high = first + (this.counts[dir] ?? 0) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const other = this.names[middle] ?? "";
      if (other === name) return middle;
      if (other < name) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}
