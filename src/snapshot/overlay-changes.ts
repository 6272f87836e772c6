import { readdirSync } from "node:fs";
import type { BytePath } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";
import { isOpaqueDirectory } from "../host/syscalls.ts";
import { type DiskEntry, diskPath, listDisk } from "./disk-entry.ts";
import { type DiskChanges, missingBelow } from "./tree-changes.ts";

/** What an overlay's upper directory says: O(changes). Whiteouts are character devices 0:0, opaque directories carry an xattr. */
export function readUpper(upper: string, below: FileTree): DiskChanges {
  const present: DiskEntry[] = [];
  const removed: BytePath[] = [];
  for (const entry of listDisk(upper)) {
    if (entry.stat.isCharacterDevice() && entry.stat.rdev === 0) {
      if (below.facts(entry.path) !== undefined) removed.push(entry.path);
      continue;
    }
    present.push(entry);
    if (!entry.stat.isDirectory() || below.facts(entry.path)?.type !== "dir") continue;
    const path = diskPath(upper, entry.path);
    if (!isOpaqueDirectory(path)) continue;
    const left = readdirSync(path, { encoding: "buffer" }).map((name) => name.toString("latin1"));
    removed.push(...missingBelow(below, entry.path, new Set(left)));
  }
  return { present, removed };
}
