import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Absolute path of a program of this machine: PATH first, then where system tools are that an ordinary user's PATH lacks. */
export function findProgram(name: string): string | undefined {
  const directories = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
  ];
  return directories
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
