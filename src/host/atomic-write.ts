import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "./errno.ts";

export interface AtomicWriteOptions {
  /** A folder of the same file system for the unfinished file. */
  readonly tempDir: string;
  /** fsync before the file gets its name: for what cannot be made again after a power cut. */
  readonly sync: boolean;
  /** Permission bits, 0644 unless told. */
  readonly mode?: number;
}

/** The file holds the old bytes or the new ones, whatever happens; missing folders above it are made, 0700. */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicWriteOptions): void {
  const temp = writeTemp(data, options);
  try {
    withParent(path, () => renameSync(temp, path));
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
}

/**
 * Writes the file if there is none: of several writers exactly one gets true, and nobody sees an unfinished file. On a file
 * system without hard links two at once may both get true; the file is whole all the same.
 */
export function writeFileOnce(path: string, data: string | Uint8Array, options: AtomicWriteOptions): boolean {
  const temp = writeTemp(data, options);
  try {
    return withParent(path, () => linkOnce(temp, path));
  } finally {
    rmSync(temp, { force: true });
  }
}

/** A prune may take an empty folder away between its making and its use: so many times it is made again. */
const PARENT_ATTEMPTS = 10;

/** Runs `action`; where the folder that `path` lies in is missing, makes it (0700) and runs `action` again. */
export function withParent<T>(path: string, action: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return action();
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt > PARENT_ATTEMPTS) throw error;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    }
  }
}

export function uniqueName(): string {
  return randomBytes(9).toString("base64url");
}

/** False where `to` exists. `from` may be gone afterwards. */
function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EMLINK") throw error;
  }
  // No hard links here: claim the name, then put the whole file over the claim.
  try {
    closeSync(openSync(to, "wx"));
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
  renameSync(from, to);
  return true;
}

function writeTemp(data: string | Uint8Array, options: AtomicWriteOptions): string {
  const temp = join(options.tempDir, uniqueName());
  const fd = openSync(temp, "wx", options.mode ?? 0o644);
  try {
    writeFileSync(fd, data);
    if (options.sync) fsyncSync(fd);
  } catch (error) {
    unlinkSync(temp);
    throw error;
  } finally {
    closeSync(fd);
  }
  return temp;
}
