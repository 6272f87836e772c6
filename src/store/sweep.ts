import { lstatSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { uniqueName } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { removeTree } from "../host/remove-tree.ts";
import type { Lease } from "./leases.ts";
import type { StoreParts } from "./store-parts.ts";

/** So many at a time under the lock: a build that claims waits for milliseconds at most. */
const BATCH = 64;

/** A folder to remove, judged by the times of the files in it that claims touch. */
export interface SweepDir {
  readonly dir: string;
  readonly touched: readonly string[];
}

/**
 * Removes what a mark did not reach. Nothing that was written or claimed since the mark began, or since the oldest command
 * that still lives began, is removed: the time is looked at again right before, under the sweep lock.
 */
export class Sweep {
  /** Bytes given back to the disk. */
  bytes = 0;
  /** Folders with files of mapped ids: to be removed under the mapping. They are in the way of nothing. */
  readonly undeletable: string[] = [];
  readonly #parts: StoreParts;
  readonly #lease: Lease;
  readonly #horizonMs: number;

  /** `lease` must have been open since before the mark began. */
  constructor(parts: StoreParts, lease: Lease) {
    this.#parts = parts;
    this.#lease = lease;
    this.#horizonMs = Math.min(parts.leases.startedMs ?? 0, ...parts.leases.otherStartsMs());
  }

  /** True where no live command has written or claimed it. For what may be judged without the lock. */
  isOld(path: string): boolean {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && stat.mtimeMs < this.#horizonMs;
  }

  /** Removes files; gives those that are gone. */
  files(paths: readonly string[]): readonly string[] {
    return this.#inBatches(paths, (path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || stat.mtimeMs >= this.#horizonMs) return false;
      rmSync(path, { force: true });
      if (stat.nlink === 1) this.bytes += stat.size;
      return true;
    });
  }

  /** Removes folders; gives those that are gone. They are moved away under the lock and emptied after it. */
  dirs(dirs: readonly SweepDir[]): readonly SweepDir[] {
    const trash: string[] = [];
    const gone = this.#inBatches(dirs, ({ dir, touched }) => {
      if (touched.some((path) => existsAndIsNew(path, this.#horizonMs))) return false;
      const away = join(this.#lease.dir, uniqueName());
      if (!moveAway(dir, away)) return false;
      trash.push(away);
      return true;
    });
    for (const path of trash) this.removeTree(path);
    return gone;
  }

  /** Removes a folder that nobody can claim. */
  removeTree(path: string): void {
    this.bytes += bytesBelow(path);
    if (!removeTree(path)) this.undeletable.push(path);
  }

  #inBatches<T>(items: readonly T[], remove: (item: T) => boolean): readonly T[] {
    const gone: T[] = [];
    for (let at = 0; at < items.length; at += BATCH) {
      const batch = items.slice(at, at + BATCH);
      gone.push(...this.#parts.claims.exclude(() => batch.filter(remove)));
    }
    return gone;
  }
}

function existsAndIsNew(path: string, horizonMs: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.mtimeMs >= horizonMs;
}

function moveAway(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Bytes of all files below, a file of several links counted once for each; folders that may not be read count nothing. */
export function bytesBelow(path: string): number {
  return measure(Buffer.from(path));
}

function measure(path: Buffer): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.size;
  let bytes = 0;
  try {
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      bytes += measure(Buffer.concat([path, Buffer.from("/"), name]));
    }
  } catch (error) {
    if (errnoOf(error) !== "EACCES") throw error;
  }
  return bytes;
}
