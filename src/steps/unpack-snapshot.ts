import {
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { type BytePath, joinPath, parentOf, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import type { FileFacts } from "../core/file-tree.ts";
import type { LayerRef } from "../core/ports.ts";
import { makeNode, setXattr } from "../host/syscalls.ts";
import type { RootView } from "../snapshot/root-view.ts";
import type { LayerBook } from "./layer-book.ts";

/**
 * Writes the merged file system of a stack into an empty directory: for workspaces without an overlay. Every path comes from
 * the merged view, so nothing is written through a link.
 */
export async function unpackSnapshot(
  layers: readonly LayerRef[],
  dir: string,
  book: LayerBook,
): Promise<void> {
  const view = await book.readableLayers(layers);
  writeDirectory({ view, dir, firstOfInode: new Map() }, ROOT_PATH);
}

/**
 * Writes some paths of a view, and the directories on the way to them, into an empty directory. `finish` may add to it before the
 * directories get their times.
 */
export function writePaths(
  view: RootView,
  paths: Iterable<BytePath>,
  dir: string,
  finish: () => void = () => undefined,
): void {
  const job: Unpacking = { view, dir, firstOfInode: new Map() };
  const directories = new Set<BytePath>();
  const addDirectory = (path: BytePath): void => {
    if (path === ROOT_PATH || directories.has(path)) return;
    addDirectory(parentOf(path));
    directories.add(path);
    mkdirSync(onDisk(job, path), { mode: 0o700 });
  };
  for (const path of paths) {
    if (view.facts(path)?.type === "dir") addDirectory(path);
    else {
      addDirectory(parentOf(path));
      writeOther(job, path);
    }
  }
  finish();
  // What is written into a directory moves its time: theirs come last, the deepest first.
  for (const path of [...directories].toReversed()) {
    const facts = view.facts(path);
    if (facts !== undefined) setFacts(onDisk(job, path), facts);
  }
}

interface Unpacking {
  readonly view: RootView;
  readonly dir: string;
  /** Path on disk of the first link of an inode. */
  readonly firstOfInode: Map<number, Buffer>;
}

function writeDirectory(job: Unpacking, path: BytePath): void {
  const facts = job.view.facts(path);
  if (path !== ROOT_PATH) mkdirSync(onDisk(job, path), { mode: 0o700 });
  for (const name of job.view.names(path)) {
    const child = joinPath(path, name);
    if (job.view.facts(child)?.type === "dir") writeDirectory(job, child);
    else writeOther(job, child);
  }
  if (facts !== undefined) setFacts(onDisk(job, path), facts);
}

function writeOther(job: Unpacking, path: BytePath): void {
  const facts = job.view.facts(path);
  if (facts === undefined) return;
  const place = onDisk(job, path);
  const first = facts.linkGroup === undefined ? undefined : job.firstOfInode.get(facts.linkGroup);
  if (first !== undefined) return linkSync(first, place);
  if (facts.linkGroup !== undefined) job.firstOfInode.set(facts.linkGroup, place);
  switch (facts.type) {
    case "file":
      writeFile(job, path, place);
      break;
    case "symlink":
      symlinkSync(Buffer.from(facts.target ?? "", "latin1"), place);
      break;
    case "char":
    case "block":
    case "fifo":
      makeNode(place, {
        type: facts.type,
        mode: facts.mode,
        major: facts.major ?? 0,
        minor: facts.minor ?? 0,
      });
      break;
    case "dir":
    case "socket":
      return;
  }
  setFacts(place, facts);
}

function writeFile(job: Unpacking, path: BytePath, place: Buffer): void {
  const file = openSync(place, "wx", 0o600);
  try {
    for (const piece of job.view.read(path))
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
  } finally {
    closeSync(file);
  }
}

function setFacts(place: Buffer, facts: FileFacts): void {
  lchownSync(place, facts.uid, facts.gid);
  if (facts.type !== "symlink") chmodSync(place, facts.mode);
  for (const [name, value] of Object.entries(facts.xattrs ?? {})) setXattr(place, name, value);
  const seconds = facts.mtimeSeconds + facts.mtimeNanos / 1e9;
  lutimesSync(place, seconds, seconds);
}

function onDisk(job: Unpacking, path: BytePath): Buffer {
  return path === ROOT_PATH
    ? Buffer.from(job.dir)
    : Buffer.concat([Buffer.from(`${job.dir}/`), pathBytes(path)]);
}
