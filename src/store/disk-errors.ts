import { rmSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import { errnoOf } from "../host/errno.ts";
import type { StorePaths } from "./store-paths.ts";

/**
 * Runs a write; a full disk becomes one clear error, and the reserve file is given up so that a prune can start. SQLite says
 * "full" in its own words.
 */
export function guardDisk<T>(paths: StorePaths, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toStoreError(paths, error);
  }
}

/** A system error met while writing to the store, in a person's words; anything else comes back as it is. */
export function toStoreError(paths: StorePaths, error: unknown): unknown {
  const code = errnoOf(error);
  if (code === "ENOSPC" || code === "EDQUOT" || isSqliteFull(error)) {
    rmSync(paths.reserve, { force: true });
    return new BuildError("store/disk-full", `no space left on the disk of the store, ${paths.home}`, {
      hint: "Free some space, or remove old cache with: tsbuild cache prune",
      cause: error,
    });
  }
  if (code === "EROFS" || code === "EACCES" || code === "EPERM") {
    return new BuildError("store/unwritable", `cannot write to the store, ${paths.home}: ${code}`, {
      hint: "Set TSBUILD_HOME to a folder of your own.",
      cause: error,
    });
  }
  return error;
}

function isSqliteFull(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && Number(error.errcode) % 256 === 13;
}
