import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ContextEntry } from "./case-data.ts";

/** A context made as context.json says: exact modes whatever the umask is; `caseFolder` holds the files it copies. */
export function writeContext(directory: string, entries: readonly ContextEntry[], caseFolder: string): void {
  makeFolder(directory);
  for (const entry of entries) {
    const path = join(directory, entry.path);
    makeParents(directory, dirname(entry.path));
    writeEntry(path, entry, directory, caseFolder);
    if (entry.type === "hardlink") continue;
    if (process.getuid?.() === 0) lchownSync(path, entry.uid ?? 0, entry.gid ?? 0);
    if (entry.type !== "symlink")
      chmodSync(
        path,
        entry.mode === undefined ? (entry.type === "dir" ? 0o755 : 0o644) : Number.parseInt(entry.mode, 8),
      );
    for (const [name, value] of Object.entries(entry.xattrs ?? {})) setXattr(path, name, value);
  }
}

function writeEntry(path: string, entry: ContextEntry, directory: string, caseFolder: string): void {
  switch (entry.type) {
    case "dir":
      mkdirSync(path, { recursive: true });
      return;
    case "symlink":
      symlinkSync(entry.target ?? "", path);
      return;
    case "hardlink":
      linkSync(join(directory, entry.target ?? ""), path);
      return;
    case "fifo":
      spawnSync("mkfifo", [path]);
      return;
    case "file":
      if (entry.content_file === undefined) writeFileSync(path, contentOf(entry));
      else copyFileSync(join(caseFolder, entry.content_file), path);
  }
}

function contentOf(entry: ContextEntry): Buffer {
  if (entry.content_base64 !== undefined) return Buffer.from(entry.content_base64, "base64");
  const repeat = entry.content_repeat;
  return Buffer.from(repeat === undefined ? (entry.content ?? "") : repeat.text.repeat(repeat.count));
}

function makeParents(directory: string, folder: string): void {
  if (folder === ".") return;
  makeParents(directory, dirname(folder));
  makeFolder(join(directory, folder), false);
}

/** mode 0755 where it is made now; one that an entry made before keeps its own. */
function makeFolder(path: string, mayExist = true): void {
  const made = mkdirSync(path, { recursive: true });
  if (made !== undefined || mayExist) chmodSync(path, 0o755);
}

function setXattr(path: string, name: string, base64: string): void {
  const done = spawnSync("setfattr", ["-h", "-n", name, "-v", `0s${base64}`, path], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`setfattr: ${done.stderr}`);
}
