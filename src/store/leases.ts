import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import { uniqueName } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import { removeTree } from "../host/remove-tree.ts";
import { isSortableId, newSortableId } from "../host/sortable-id.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StorePaths } from "./store-paths.ts";

const RESERVE_BYTES = 1024 * 1024;

/**
 * A command's hold on the store. While it lives, nothing that it wrote or claimed is removed by any prune, and its folder is
 * left alone. The kernel ends it with the process.
 */
export interface Lease extends Disposable {
  readonly id: string;
  /** Temporary files, workspaces, runtime state: removed with the lease, by the next command after a kill -9. */
  readonly dir: string;
  /** A new, empty folder in `dir`. */
  makeTemp(): string;
}

export interface LeaseEvents {
  /** Before the folder of a command that died is removed: end what its runtime state says is still there. */
  readonly onDead?: ((dir: string) => void) | undefined;
  /** Folders that hold files of mapped ids: to be removed under the mapping. */
  readonly onUndeletable: (path: string) => void;
}

interface Held {
  readonly id: string;
  readonly dir: string;
  readonly lock: LockFile;
  readonly lockPath: string;
  readonly startedMs: number;
}

/**
 * The leases of one Store object. It holds at most one at a time, shared by all who ask and closed with the last: what a
 * command needs is one lock and one folder, and the pieces of a build need not pass it around.
 *
 * `leases/<id>-<kind>` is the lock (an empty file; its mtime is the start), `tmp/<id>/` the folder.
 */
export class Leases {
  readonly #paths: StorePaths;
  readonly #events: LeaseEvents;
  #held: Held | undefined;
  #users = 0;

  constructor(paths: StorePaths, events: LeaseEvents) {
    this.#paths = paths;
    this.#events = events;
  }

  open(kind: string): Lease {
    const held = (this.#held ??= guardDisk(this.#paths, () => this.#take(kind)));
    this.#users += 1;
    let open = true;
    return {
      id: held.id,
      dir: held.dir,
      makeTemp: () => {
        const dir = join(held.dir, uniqueName());
        guardDisk(this.#paths, () => mkdirSync(dir, { mode: 0o700 }));
        return dir;
      },
      [Symbol.dispose]: () => {
        if (open) this.#leave();
        open = false;
      },
    };
  }

  /** How many hold this object's lease. */
  get users(): number {
    return this.#users;
  }

  /** When the lease in hand began, milliseconds of the file system's clock; undefined where none is open. */
  get startedMs(): number | undefined {
    return this.#held?.startedMs;
  }

  /** Starts of the leases of all other commands that still live. */
  otherStartsMs(): readonly number[] {
    return this.#lockNames()
      .map((name) => statSync(join(this.#paths.leases, name), { throwIfNoEntry: false })?.mtimeMs)
      .filter((ms) => ms !== undefined);
  }

  /** Removes what commands left behind that were ended by force. */
  sweepDead(): void {
    for (const name of this.#lockNames()) this.#sweepIfDead(name);
  }

  #take(kind: string): Held {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const held = this.#tryTake(kind);
      if (held === undefined) continue;
      this.#held = held;
      this.sweepDead();
      makeReserve(this.#paths);
      return held;
    }
    throw new BuildError("store/locked", `cannot get a lease in ${this.#paths.leases}`);
  }

  /** Undefined where another command took the file, not yet locked, for that of a dead one: try again. */
  #tryTake(kind: string): Held | undefined {
    const id = newSortableId(Date.now());
    const lockPath = join(this.#paths.leases, `${id}-${kind.replaceAll(/[^a-z0-9]/g, "-")}`);
    const dir = join(this.#paths.temp, id);
    mkdirSync(this.#paths.leases, { recursive: true, mode: 0o700 });
    const lock = new LockFile(lockPath);
    if (!lock.acquire("exclusive", 0) || !existsSync(lockPath)) {
      lock[Symbol.dispose]();
      return undefined;
    }
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return { id, dir, lock, lockPath, startedMs: statSync(lockPath).mtimeMs };
  }

  #leave(): void {
    this.#users -= 1;
    const held = this.#held;
    if (this.#users > 0 || held === undefined) return;
    this.#held = undefined;
    if (!removeTree(held.dir)) this.#events.onUndeletable(held.dir);
    else rmSync(held.lockPath, { force: true });
    held.lock[Symbol.dispose]();
  }

  #sweepIfDead(name: string): void {
    const lockPath = join(this.#paths.leases, name);
    // Locking must not make the file anew: another command may have removed it just now.
    using lock = new LockFile(lockPath, { create: false });
    if (!lock.acquire("exclusive", 0)) return;
    const dir = join(this.#paths.temp, name.slice(0, 26));
    if (existsSync(dir)) {
      this.#events.onDead?.(dir);
      if (!removeTree(dir)) {
        // The lock file stays, so that the next command tries again if the caller does not manage.
        this.#events.onUndeletable(dir);
        return;
      }
    }
    // Last, and while locked: whoever opened the file meanwhile finds that its name is gone.
    rmSync(lockPath, { force: true });
  }

  #lockNames(): readonly string[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#paths.leases);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
    const own = this.#held?.id;
    return names.filter((name) => isSortableId(name.slice(0, 26)) && name.slice(0, 26) !== own);
  }
}

/** A spare megabyte that a full disk frees. Not made where little is left: then it is the disk that people need. */
function makeReserve(paths: StorePaths): void {
  if (existsSync(paths.reserve)) return;
  try {
    const { bavail, bsize } = statfsSync(paths.home);
    if (bavail * bsize < 4 * RESERVE_BYTES) return;
    // Zeros that are really written: a file with a hole would reserve nothing.
    writeFileSync(paths.reserve, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
  } catch {
    rmSync(paths.reserve, { force: true });
  }
}
