import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { BuildError } from "../core/errors.ts";
import { DEFAULT_PATH } from "./policy.ts";

/** Paths to try, in order: the name itself where it holds a slash, else each directory of PATH in `env`. */
export function candidatePaths(name: string, env: readonly string[]): string[] {
  if (name.includes("/")) return [name];
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH;
  // An empty part is the working directory (POSIX).
  return path.split(":").map((directory) => (directory === "" ? `./${name}` : `${directory}/${name}`));
}

/** What execve said for each candidate, as one error: 126 where a file was there that could not be executed, else 127. */
export function cannotStart(name: string, env: readonly string[], errnos: readonly number[]): BuildError {
  const refused = errnos.find(
    (errno) => errno !== constants.errno.ENOENT && errno !== constants.errno.ENOTDIR,
  );
  if (refused === undefined) {
    const where = name.includes("/") ? "in the image" : `in the image's PATH`;
    const isShell = name === "/bin/sh";
    return new BuildError("run/cannot-start", `${name}: not found ${where}`, {
      commandExitCode: 127,
      hint: isShell
        ? 'The image has no shell: use the exec form, RUN ["program", "argument"].'
        : pathHint(name, env),
    });
  }
  const reason =
    refused === constants.errno.ENOEXEC
      ? "not a program of this platform (exec format error)"
      : reasonOf(refused);
  return new BuildError("run/cannot-start", `${name}: ${reason}`, {
    commandExitCode: 126,
    hint:
      refused === constants.errno.EACCES ? "Is its execute bit set, and may the user read it?" : undefined,
  });
}

function pathHint(name: string, env: readonly string[]): string {
  if (name.includes("/")) return "Is the file there, and the interpreter or loader that it names?";
  return `PATH is ${env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? DEFAULT_PATH}.`;
}

function reasonOf(errno: number): string {
  const name = getSystemErrorName(-errno);
  return name === "EACCES" ? "permission denied" : name;
}
