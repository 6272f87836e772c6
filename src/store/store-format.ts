import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import { uniqueName } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { guardDisk } from "./disk-errors.ts";
import { isCount, isObject, parseJson } from "./shapes.ts";
import type { StorePaths } from "./store-paths.ts";

/** Raised when an older tsbuild could no longer read, or would harm, what a newer one wrote. */
const FORMAT = 1;

/** Refuses a store that is not ours to touch; makes one where there is none. */
export function checkFormat(paths: StorePaths): void {
  const text = readFormat(paths);
  if (text === undefined) return initialise(paths);
  checkOwner(paths);
  const value = parseJson(text);
  const format = isObject(value) ? value["format"] : undefined;
  if (!isCount(format)) {
    throw new BuildError("store/damaged", `${paths.format} does not say which format the store has`, {
      hint: `If it is a store of this version, write {"format":${FORMAT}} into it; else set TSBUILD_HOME to another folder.`,
    });
  }
  if (format > FORMAT) {
    throw new BuildError(
      "store/newer-format",
      `the store ${paths.home} was written by a newer tsbuild (format ${format})`,
      {
        hint: "Use that version, or set TSBUILD_HOME to another folder.",
      },
    );
  }
}

function readFormat(paths: StorePaths): string | undefined {
  try {
    return readFileSync(paths.format, "utf8");
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "EACCES") throw wrongOwner(paths);
    if (code === "ENOTDIR") throw new BuildError("store/unwritable", `${paths.home} is no folder`);
    throw error;
  }
}

function initialise(paths: StorePaths): void {
  guardDisk(paths, () => {
    mkdirSync(paths.home, { recursive: true, mode: 0o700 });
    checkOwner(paths);
    // Not through a lease: leases come after the format. The name is atomic, and all who race write the same bytes.
    const temp = join(paths.home, `.${uniqueName()}`);
    writeFileSync(temp, `{"format":${FORMAT}}\n`, { mode: 0o644, flush: true });
    renameSync(temp, paths.format);
  });
}

/** Files of two users in one store end in half of them being unreadable: so the first one keeps it. */
function checkOwner(paths: StorePaths): void {
  const user = process.getuid?.();
  if (user !== undefined && statSync(paths.home).uid !== user) throw wrongOwner(paths);
}

function wrongOwner(paths: StorePaths): BuildError {
  return new BuildError("store/wrong-owner", `the store ${paths.home} belongs to another user`, {
    hint: "Set TSBUILD_HOME to a folder of your own.",
  });
}
