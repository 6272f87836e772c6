import { randomBytes } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BuildError } from "../core/errors.ts";

type Pieces = AsyncIterable<Uint8Array>;

/** A file that is whole or not there: written beside its place, then renamed. A device or a pipe is written as it is. */
export async function writeFileFrom(path: string, pieces: Pieces): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true)
    throw new BuildError("cli/usage", `${path} is a folder`, { hint: "Name a file." });
  if (stat !== undefined && !stat.isFile()) return await writeInto(path, "w", pieces);
  const temp = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("base64url")}`);
  try {
    await writeInto(temp, "wx", pieces);
    renameSync(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
}

async function writeInto(path: string, flags: string, pieces: Pieces): Promise<void> {
  const fd = guardWrite(path, () => openSync(path, flags, 0o644));
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; ) at += guardWrite(path, () => writeSync(fd, piece, at));
    }
  } finally {
    closeSync(fd);
  }
}

/** Failures of the disk as `cli/output`. */
export function guardWrite<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

export function cannotWrite(path: string, error: unknown): BuildError {
  const why = error instanceof Error ? error.message : String(error);
  return new BuildError("cli/output", `${path} cannot be written: ${why}`, {
    hint: "Write to a place that is there, yours, and has room.",
    cause: error,
  });
}
