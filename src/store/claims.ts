import { statSync, utimesSync } from "node:fs";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import type { Leases } from "./leases.ts";
import type { StorePaths } from "./store-paths.ts";
import { withLock } from "./with-lock.ts";

/**
 * Reuse without loss. A prune removes only what no live command wrote or touched since it began; it looks at the time and
 * removes under the sweep lock, and whoever reuses a file touches it under the same lock, shared. So a file that was claimed
 * stays for as long as the lease lives, and one that could not be claimed is a miss.
 */
export class Claims implements Disposable {
  readonly #paths: StorePaths;
  readonly #leases: Leases;
  readonly #lock: LockFile;

  constructor(paths: StorePaths, leases: Leases) {
    this.#paths = paths;
    this.#leases = leases;
    this.#lock = new LockFile(paths.sweepLock);
  }

  /** Claims files for the lease in hand; gives those that are not there. Call it while a lease is open. */
  claim(files: readonly string[]): readonly string[] {
    const since = this.#leases.startedMs;
    if (since === undefined) throw new Error("a claim needs an open lease");
    const missing: string[] = [];
    const old: string[] = [];
    for (const file of files) {
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat === undefined) missing.push(file);
      else if (stat.mtimeMs < since) old.push(file);
    }
    if (old.length === 0) return missing;
    withLock(this.#paths, this.#lock, "shared", () => {
      const now = Math.max(Date.now(), since + 1) / 1000;
      for (const file of old) if (!touch(file, now)) missing.push(file);
    });
    return missing;
  }

  /** True where the file was there and stays while the lease in hand lives. */
  claimOne(file: string): boolean {
    return this.claim([file]).length === 0;
  }

  /** For the sweep: nobody claims while `action` runs. Keep it short. */
  exclude<T>(action: () => T): T {
    return withLock(this.#paths, this.#lock, "exclusive", action);
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

function touch(file: string, seconds: number): boolean {
  try {
    utimesSync(file, seconds, seconds);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
