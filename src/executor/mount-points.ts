import { lstatSync, mkdirSync, rmdirSync, type Stats, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { type BytePath, parentOf, pathBytes } from "../core/byte-path.ts";
import { lookUp } from "./root-lookup.ts";

/** Where something is to be mounted, absolute inside the root. */
export interface MountTarget {
  readonly target: string;
  readonly type: "file" | "directory";
}

/** A mount point that did not exist before: to be removed after the command. */
export interface MadeMountPoint {
  /** Free of symbolic links. */
  readonly path: BytePath;
  readonly type: "file" | "directory";
  /** Of a file: it is removed only if it is still this one. */
  readonly inode: number;
  /** Of the directory that holds it, before. */
  readonly parentTimes: readonly [number, number];
}

/**
 * Makes the targets that are missing below `root`, their parents included. Symbolic links are resolved inside the root,
 * dangling ones too. Nothing else may change the tree meanwhile.
 */
export function makeMountPoints(root: string, targets: readonly MountTarget[]): MadeMountPoint[] {
  const made: MadeMountPoint[] = [];
  for (const { target, type } of targets) makeOne(root, target, type, made);
  return made;
}

/** Makes a working directory and its parents, 0755, where they are missing; they stay. A target that leads to a file is left alone. */
export function makeDirectories(root: string, target: string): void {
  makeOne(root, target, "directory", []);
}

function makeOne(root: string, target: string, type: "file" | "directory", made: MadeMountPoint[]): void {
  const base = Buffer.from(root, "utf8").toString("latin1");
  const { path, stat } = lookUp(root, target);
  if (stat !== undefined) return;
  const missing: BytePath[] = [];
  for (let at = path; at !== "" && statIfPresent(base, at) === undefined; at = parentOf(at))
    missing.unshift(at);
  for (const at of missing) made.push(make(base, at, at === path ? type : "directory"));
}

function make(base: string, path: BytePath, type: "file" | "directory"): MadeMountPoint {
  const parent = lstatSync(file(base, parentOf(path)));
  if (type === "directory") mkdirSync(file(base, path), { mode: 0o755 });
  else writeFileSync(file(base, path), "", { flag: "wx", mode: 0o644 });
  const times = [parent.atimeMs / 1000, parent.mtimeMs / 1000] as const;
  utimesSync(file(base, parentOf(path)), ...times);
  return { path, type, inode: lstatSync(file(base, path)).ino, parentTimes: times };
}

/**
 * Removes what makeMountPoints made, last first, from the writable directory behind the root. The command had the tree in
 * its hands: a symbolic link anywhere on the way, another file in the place, content in it, and it stays (CVE-2024-23652).
 */
export function removeMountPoints(writable: string, made: readonly MadeMountPoint[]): void {
  const base = Buffer.from(writable, "utf8").toString("latin1");
  for (const point of made.toReversed()) {
    if (!isRealDirectory(base, parentOf(point.path))) continue;
    const stat = statIfPresent(base, point.path);
    if (stat === undefined || !isUntouched(stat, point)) continue;
    const times = timesToKeep(lstatSync(file(base, parentOf(point.path))), point);
    try {
      if (point.type === "directory") rmdirSync(file(base, point.path));
      else unlinkSync(file(base, point.path));
    } catch {
      continue; // a directory that the command put something into is the command's
    }
    utimesSync(file(base, parentOf(point.path)), ...times);
  }
}

/** Those from before the mount point was made; where the command changed the directory meanwhile, the times of that change. */
function timesToKeep(parent: Stats, { parentTimes }: MadeMountPoint): readonly [number, number] {
  const isUnchanged = Math.abs(parent.mtimeMs / 1000 - parentTimes[1]) < 0.001;
  return isUnchanged ? parentTimes : [parent.atimeMs / 1000, parent.mtimeMs / 1000];
}

function isUntouched(stat: Stats, point: MadeMountPoint): boolean {
  if (point.type === "directory") return stat.isDirectory();
  return stat.isFile() && stat.size === 0 && stat.ino === point.inode;
}

/** Every component is a directory and no link; nobody writes there any more. */
function isRealDirectory(base: string, path: BytePath): boolean {
  for (let at = path; at !== ""; at = parentOf(at)) {
    if (statIfPresent(base, at)?.isDirectory() !== true) return false;
  }
  return true;
}

function statIfPresent(base: string, path: BytePath): Stats | undefined {
  return lstatSync(file(base, path), { throwIfNoEntry: false });
}

function file(base: string, path: BytePath): Buffer {
  return pathBytes(`${base}/${path}`);
}
