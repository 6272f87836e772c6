import { BuildError } from "../core/errors.ts";
import { withParent } from "../host/atomic-write.ts";
import type { LockFile, LockMode } from "../host/lock-file.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StorePaths } from "./store-paths.ts";

const WAIT_MS = 60_000;

/** Runs `action` with a lock of the store held; `store/locked` where it cannot be had within a minute. */
export function withLock<T>(paths: StorePaths, lock: LockFile, mode: LockMode, action: () => T): T {
  if (!guardDisk(paths, () => withParent(paths.gcLock, () => lock.acquire(mode, WAIT_MS)))) {
    throw new BuildError("store/locked", `the store is busy: ${paths.home}`, {
      hint: "Another tsbuild holds a lock here for a long time. Try again once it has ended.",
    });
  }
  try {
    return action();
  } finally {
    lock.release();
  }
}
