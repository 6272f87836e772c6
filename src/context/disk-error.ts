import { decodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";

/** The errno name of a failed system call; "" for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** A system call on a context path that failed, in words. `path` is inside the context; "" is its root. */
export function diskError(error: unknown, path: string): BuildError {
  const name = path === "" ? "the context directory" : decodePath(path);
  const code = errnoOf(error);
  if (isMissing(error)) return changedError(path, error);
  if (code === "EACCES" || code === "EPERM") {
    return new BuildError("context/unreadable", `cannot read ${name}: permission denied`, {
      hint: "Make it readable for you, or list it in .dockerignore.",
      cause: error,
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new BuildError("context/unreadable", `cannot read ${name}: ${reason}`, { cause: error });
}

export function changedError(path: string, cause?: unknown): BuildError {
  return new BuildError("context/changed", `${decodePath(path)} changed while it was being read`, {
    hint: "Build again once nothing writes to the context, or list the file in .dockerignore.",
    cause,
  });
}
