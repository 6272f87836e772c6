import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { type BytePath, compareBytes, joinPath, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import type { FileFacts, FileType, Xattrs } from "../core/file-tree.ts";
import { readXattrs } from "../host/syscalls.ts";

/** A path of a tree on disk with what lstat says. */
export interface DiskEntry {
  readonly path: BytePath;
  readonly stat: Stats;
}

/** Absolute path, as bytes, of a path inside a directory of ours. */
export function diskPath(root: string, path: BytePath): Buffer {
  return path === "" ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), pathBytes(path)]);
}

/** Everything below a directory, byte order of the full paths; symlinks are never followed. */
export function listDisk(root: string): DiskEntry[] {
  const found: DiskEntry[] = [];
  const open: BytePath[] = [ROOT_PATH];
  for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
    for (const name of readdirSync(diskPath(root, dir), { encoding: "buffer" })) {
      const path = joinPath(dir, name.toString("latin1"));
      const stat = lstatSync(diskPath(root, path));
      found.push({ path, stat });
      if (stat.isDirectory()) open.push(path);
    }
  }
  return found.toSorted((a, b) => compareBytes(a.path, b.path));
}

/** Facts of a disk entry as a layer holds them: whole-second times, filtered xattrs; sockets are `undefined`. */
export function diskFacts(root: string, { path, stat }: DiskEntry): FileFacts | undefined {
  const type = typeOf(stat);
  if (type === "socket") return undefined;
  const device = type === "char" || type === "block" ? deviceNumbers(stat.rdev) : {};
  const xattrs: Xattrs | undefined =
    type === "file" || type === "dir" ? readXattrs(diskPath(root, path)) : undefined;
  return {
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: type === "file" ? stat.size : 0,
    mtimeSeconds: Math.floor(stat.mtimeMs / 1000),
    mtimeNanos: 0,
    ...device,
    ...(type === "symlink"
      ? { target: readlinkSync(diskPath(root, path), { encoding: "buffer" }).toString("latin1") }
      : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(type !== "dir" && stat.nlink > 1 ? { linkGroup: stat.ino } : {}),
  };
}

export function typeOf(stat: Stats): FileType {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "dir";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "socket";
}

/** Linux's encoding of dev_t (glibc sys/sysmacros.h). */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
