import { closeSync, openSync } from "node:fs";
import { openAt } from "./syscalls.ts";

/** How a path is opened: a directory to work in, or whatever is there. */
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** A directory by its descriptor: what others do to the names above it no longer matters. */
export interface DirectoryHandle extends Disposable {
  /** Bytes of a path to one name in it. The name holds no slash. */
  at(name: string): Buffer;
  readonly path: string;
  /** As it was asked for: absolute inside the root. */
  readonly inside: string;
}

/** A root file system that others may be changing while we work in it. */
export interface RootHandle extends Disposable {
  /**
   * A directory inside, every symbolic link resolved inside, `..` never leading out: the kernel's own lookup (openat2,
   * RESOLVE_IN_ROOT), so that nobody can exchange a part of the path between a look and a use. Throws ENOENT, ENOTDIR, ELOOP.
   */
  openDirectory(path: string): DirectoryHandle;
}

export function openRoot(path: string): RootHandle {
  const root = openSync(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
  return {
    openDirectory: (inside) => {
      const relative = inside.replace(/^\/+/, "");
      return directoryOf(
        `/${relative}`,
        openAt(
          root,
          Buffer.from(relative === "" ? "." : relative, "latin1"),
          O_DIRECTORY | O_PATH | O_CLOEXEC,
        ),
      );
    },
    [Symbol.dispose]: () => closeSync(root),
  };
}

function directoryOf(inside: string, fd: number): DirectoryHandle {
  const path = `/proc/self/fd/${fd}`;
  return {
    path,
    inside,
    at: (name) => Buffer.from(`${path}/${name}`, "latin1"),
    [Symbol.dispose]: () => closeSync(fd),
  };
}
