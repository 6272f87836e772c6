import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { type BytePath, compareBytes, joinPath, toBytePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { PackEntry } from "../core/ports.ts";
import { errnoOf } from "../host/errno.ts";
import type { DirectoryHandle, RootHandle } from "../host/open-in-root.ts";
import { diskFacts } from "../snapshot/disk-entry.ts";
import { readFileBytes } from "../snapshot/file-content.ts";

const MAX_LINKS = 40;

/** Where a path leads inside a root: the directory that holds it, open, and its name there. */
export interface Place extends Disposable {
  readonly dir: DirectoryHandle;
  /** One name, latin1 of its bytes; "." for the directory itself. */
  readonly name: string;
  /** undefined: nothing is there. */
  readonly stat: Stats | undefined;
}

/**
 * Finds a path (latin1 of its bytes, absolute). A last symbolic link is followed where `follow` says so, and where the path ends in
 * "/" or "/.". A missing or blocked parent throws `container/path`; `shown` is how people know the path.
 */
export function findPlace(
  root: RootHandle,
  path: string,
  how: { readonly follow: boolean; readonly shown: string },
): Place {
  let follow = how.follow || /\/\.?$/.test(path);
  let at = path.replace(/\/+(\.?\/*)*$/, "");
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const slash = at.lastIndexOf("/");
    const name = at.slice(slash + 1);
    if (name === "" || name === "." || name === "..")
      return wholeDirectory(openDirectory(root, at, how.shown));
    const dir = openDirectory(root, at.slice(0, slash), how.shown);
    const stat = lstatSync(dir.at(name), { throwIfNoEntry: false });
    if (!follow || stat?.isSymbolicLink() !== true) {
      return { dir, name, stat, [Symbol.dispose]: () => dir[Symbol.dispose]() };
    }
    const target = readlinkSync(dir.at(name), "buffer").toString("latin1");
    dir[Symbol.dispose]();
    at = target.startsWith("/") ? target : `${at.slice(0, slash)}/${target}`;
    at = at.replace(/(.)\/+$/, "$1");
    follow = true;
  }
  throw noPath(how.shown, "too many symbolic links");
}

function wholeDirectory(dir: DirectoryHandle): Place {
  return { dir, name: ".", stat: lstatSync(dir.at(".")), [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

function openDirectory(root: RootHandle, path: string, shown: string): DirectoryHandle {
  try {
    return root.openDirectory(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") throw noPath(shown, "it, or a directory above it, does not exist");
    if (code === "ENOTDIR") throw noPath(shown, "something above it is no directory");
    if (code === "ELOOP") throw noPath(shown, "too many symbolic links");
    throw error;
  }
}

/**
 * A file or a tree at a place as entries of a tar, called `path` there: parents first, hard links after their targets. Valid one at
 * a time. Nothing is followed, whatever happens to the tree meanwhile.
 */
export function* walkFiles(place: Place, path: BytePath): Generator<PackEntry> {
  yield* walk(place.dir, place.name, { path, links: new Map() });
}

interface Walk {
  readonly path: BytePath;
  /** `device:inode` to the first path of it. */
  readonly links: Map<string, BytePath>;
}

function* walk(parent: DirectoryHandle, name: string, { path, links }: Walk): Generator<PackEntry> {
  const stat = lstatSync(parent.at(name), { throwIfNoEntry: false });
  // Gone since it was listed: somebody works in there.
  if (stat === undefined) return;
  const found = diskFacts(parent.path, { path: toBytePath(name), stat });
  if (found === undefined) return;
  const { type, linkGroup, ...facts } = found;
  const inode = `${stat.dev}:${stat.ino}`;
  const first = linkGroup === undefined ? undefined : links.get(inode);
  if (first !== undefined) {
    yield { entry: { ...facts, path, kind: "hardlink", size: 0, target: first } };
    return;
  }
  if (linkGroup !== undefined) links.set(inode, path);
  const entry = { ...facts, path, kind: type };
  if (type === "file") yield { entry, content: () => readFileBytes(parent.at(name)) };
  else yield { entry };
  if (type !== "dir") return;
  using dir = openWithin(parent, name);
  const names = readdirSync(Buffer.from(dir.path), { encoding: "buffer" }).map((bytes) =>
    bytes.toString("latin1"),
  );
  for (const child of names.toSorted(compareBytes)) {
    yield* walk(dir, child, { path: joinPath(path, child), links });
  }
}

function openWithin(parent: DirectoryHandle, name: string): DirectoryHandle {
  const fd = openSync(
    parent.at(name),
    constants.O_RDONLY | constants.O_DIRECTORY | (name === "." ? 0 : constants.O_NOFOLLOW),
  );
  const path = `/proc/self/fd/${fd}`;
  return {
    path,
    inside: `${parent.inside}/${name}`,
    at: (child) => Buffer.from(`${path}/${child}`, "latin1"),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

export function noPath(shown: string, why: string): BuildError {
  return new BuildError("container/path", `${shown}: ${why}`);
}
