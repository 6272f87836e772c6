import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NodeTable } from "./node-table.ts";
import {
  CACHED,
  decodeStatFile,
  type EntryRecord,
  encodeStatFile,
  NO_LISTING,
  type StatColumns,
} from "./stat-cache-file.ts";

/**
 * What an earlier build learnt of a context: for each entry its identity and content digest, for each directory the digest
 * of its listing. A damaged, torn or foreign file is an empty cache. Rows and directories are numbered; directory 0 is the root.
 */
export class StatCache {
  readonly columns: StatColumns | undefined;
  /** All names in one string; startsWith on it compares without making a string. */
  readonly #names: string;

  constructor(columns: StatColumns | undefined) {
    this.columns = columns;
    this.#names = columns === undefined ? "" : Buffer.from(columns.names).toString("latin1");
  }

  /** The number of the root directory; -1 where nothing is known. */
  get rootDir(): number {
    return this.columns === undefined ? -1 : 0;
  }

  /** Rows [first, end) of a directory. */
  range(dir: number): { readonly first: number; readonly end: number } {
    const first = this.columns?.dirFirsts[dir] ?? 0;
    return { first, end: first + (this.columns?.dirCounts[dir] ?? 0) };
  }

  /** -1, 0 or 1 as the row's name is before, equal to or after `name` in byte order. */
  compareName(row: number, name: string): number {
    const ends = this.columns?.nameEnds;
    const start = row === 0 ? 0 : (ends?.[row - 1] ?? 0);
    const end = ends?.[row] ?? 0;
    if (end - start === name.length && this.#names.startsWith(name, start)) return 0;
    return this.#names.slice(start, end) < name ? -1 : 1;
  }

  hasFlag(row: number, flag: number): boolean {
    return ((this.columns?.flags[row] ?? 0) & flag) !== 0;
  }

  /** The directory number of a row; -1 where it is none, or was never opened. */
  dirOf(row: number): number {
    return row < 0 ? -1 : (this.columns?.dirs[row] ?? -1);
  }

  /** True where nothing about the entry has moved since the row was made, so far as a stat tells. */
  isUnmoved(row: number, table: NodeTable, node: number): boolean {
    const columns = this.columns;
    return (
      columns !== undefined &&
      columns.kinds[row] === table.kinds[node] &&
      columns.modes[row] === table.modes[node] &&
      columns.sizes[row] === table.sizes[node] &&
      columns.ctimes[row] === table.ctimes[node] &&
      columns.mtimes[row] === table.mtimes[node] &&
      columns.inodes[row] === table.inodes[node] &&
      columns.devices[row] === table.devices[node]
    );
  }

  /** True where the row says of the entry what a listing says, digests aside. */
  hasSameFacts(row: number, table: NodeTable, node: number): boolean {
    const columns = this.columns;
    return (
      columns?.kinds[row] === table.kinds[node] &&
      columns?.modes[row] === table.modes[node] &&
      columns?.sizes[row] === table.sizes[node]
    );
  }

  /** 32 bytes: of a file's content, a symlink's target, or the listing that a directory had in its parent's listing. */
  digest(row: number): Uint8Array | undefined {
    return this.hasFlag(row, CACHED.hasDigest)
      ? this.columns?.digests.subarray(row * 32, row * 32 + 32)
      : undefined;
  }

  /** How many rows the stored listing of a directory has; undefined where there is none. */
  listedCount(dir: number): number | undefined {
    const count = this.columns?.dirListed[dir] ?? NO_LISTING;
    return count === NO_LISTING ? undefined : count;
  }

  listing(dir: number): Uint8Array | undefined {
    return this.columns?.dirListings.subarray(dir * 32, dir * 32 + 32);
  }

  record(row: number): EntryRecord {
    const { columns } = this;
    if (columns === undefined) throw new Error("no such row");
    const start = row === 0 ? 0 : (columns.nameEnds[row - 1] ?? 0);
    return {
      name: this.#names.slice(start, columns.nameEnds[row]),
      kind: columns.kinds[row] ?? 0,
      mode: columns.modes[row] ?? 0,
      size: columns.sizes[row] ?? 0,
      mtimeMs: columns.mtimes[row] ?? 0,
      ctimeMs: columns.ctimes[row] ?? 0,
      ino: columns.inodes[row] ?? 0,
      dev: columns.devices[row] ?? 0,
      flags: columns.flags[row] ?? 0,
      dir: columns.dirs[row] ?? -1,
      digest: this.digest(row),
    };
  }
}

/** The file of a context: `root` is its real path as a byte string (latin1). */
export function statCachePath(home: string, root: string): string {
  const name = createHash("sha256").update(root, "latin1").digest("hex");
  return join(home, "stat-cache", name);
}

export function loadStatCache(home: string | undefined, root: string): StatCache {
  if (home === undefined) return new StatCache(undefined);
  try {
    return new StatCache(decodeStatFile(root, readFileSync(statCachePath(home, root))));
  } catch {
    // Absent or unreadable: everything is hashed again, which is what an empty cache means.
    return new StatCache(undefined);
  }
}

/** Readers see the old file or the new one. Not synced: a torn file is found by its checksum. False: it could not be written. */
export function saveStatCache(home: string, root: string, columns: StatColumns): boolean {
  const path = statCachePath(home, root);
  const temp = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temp, encodeStatFile(root, columns), { mode: 0o600 });
    renameSync(temp, path);
    return true;
  } catch {
    // A build does not fail for want of a shortcut; the next one hashes again.
    discard(temp);
    return false;
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its folder is none: there is nothing to remove.
  }
}
