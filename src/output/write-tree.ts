import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type BytePath, decodePath, joinPath, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import { uniqueName } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { hasSyscalls, makeNode, setXattr } from "../host/syscalls.ts";
import { cannotWrite } from "./write-file.ts";

export interface WrittenTree {
  /** Regular files. */
  readonly files: number;
  readonly bytes: number;
  /** Devices and xattrs that this user or this disk cannot have. */
  readonly leftOut: readonly string[];
}

const OPEN_DIR = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const YIELD_EVERY = 256;

/**
 * Writes a tree into a folder as buildx's local output does: modes and times kept, owners the caller's, what lies in the folder
 * besides left alone, each file whole or as it was. Nothing is written through a symlink below the folder, whoever made it: every
 * directory is entered by its own handle, and what is in the way of a directory gives way to it.
 */
export async function writeTree(
  tree: FileTree,
  dest: string,
  options: { readonly epochSeconds?: number | undefined; readonly signal: AbortSignal },
): Promise<WrittenTree> {
  const writer = new Writer(tree, dest, options);
  try {
    mkdirSync(dest, { recursive: true });
    const fd = openSync(dest, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await writer.fill(ROOT_PATH, handlePath(fd, dest));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw cannotWrite(dest, error);
  }
  return { files: writer.files, bytes: writer.bytes, leftOut: writer.leftOut };
}

/** A path to an open directory that no rename and no symlink can turn elsewhere, where the system has such. */
function handlePath(fd: number, path: string | Buffer): Buffer {
  return process.platform === "linux" ? Buffer.from(`/proc/self/fd/${fd}`) : Buffer.from(path);
}

class Writer {
  files = 0;
  bytes = 0;
  readonly leftOut: string[] = [];
  readonly #tree: FileTree;
  readonly #root: Buffer;
  readonly #epochSeconds: number | undefined;
  readonly #signal: AbortSignal;
  /** Where the first name of an inode was written, and which it became. */
  readonly #links = new Map<number, { readonly path: BytePath; readonly inode: bigint }>();
  #count = 0;

  constructor(
    tree: FileTree,
    dest: string,
    { epochSeconds, signal }: { readonly epochSeconds?: number | undefined; readonly signal: AbortSignal },
  ) {
    this.#tree = tree;
    this.#root = Buffer.from(dest);
    this.#epochSeconds = epochSeconds;
    this.#signal = signal;
  }

  async fill(dir: BytePath, handle: Buffer): Promise<void> {
    for (const name of this.#tree.names(dir)) {
      const path = joinPath(dir, name);
      const facts = this.#tree.facts(path);
      if (facts === undefined) continue;
      if (this.#signal.aborted) throw new BuildError("cli/canceled", "canceled");
      if (++this.#count % YIELD_EVERY === 0) await setImmediate();
      const at = below(handle, name);
      if (facts.type === "dir") await this.#directory(path, at, facts);
      else this.#leaf(path, at, { facts, handle });
    }
  }

  async #directory(path: BytePath, at: Buffer, facts: FileFacts): Promise<void> {
    const before = lstatSync(at, { throwIfNoEntry: false });
    if (before !== undefined && !before.isDirectory()) rmSync(at);
    if (before?.isDirectory() !== true) mkdirSync(at, 0o700);
    const fd = openSync(at, OPEN_DIR);
    try {
      // A folder of the image that its owner may not write to is filled all the same.
      fchmodSync(fd, facts.mode | 0o700);
      const handle = handlePath(fd, at);
      await this.fill(path, handle);
      this.#setXattrs(at, facts, path);
      fchmodSync(fd, facts.mode);
      futimesSync(fd, ...this.#times(facts));
    } finally {
      closeSync(fd);
    }
  }

  #leaf(
    path: BytePath,
    at: Buffer,
    { facts, handle }: { readonly facts: FileFacts; readonly handle: Buffer },
  ): void {
    const temp = below(handle, `.tsbuild-${uniqueName()}`);
    try {
      if (!this.#make(path, temp, facts)) return;
      if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true) rmSync(at, { recursive: true });
      renameSync(temp, at);
    } catch (error) {
      rmSync(temp, { force: true });
      throw error;
    }
    if (facts.linkGroup === undefined || this.#links.has(facts.linkGroup)) return;
    this.#links.set(facts.linkGroup, { path, inode: lstatSync(at, { bigint: true }).ino });
  }

  /** False where it cannot be had here and is left out. */
  #make(path: BytePath, temp: Buffer, facts: FileFacts): boolean {
    switch (facts.type) {
      case "file":
        if (!this.#link(temp, facts)) this.#file(path, temp, facts);
        return true;
      case "symlink":
        symlinkSync(pathBytes(facts.target ?? ""), temp);
        lutimesSync(temp, ...this.#times(facts));
        return true;
      case "char":
      case "block":
      case "fifo":
        return this.#node(path, temp, { ...facts, type: facts.type });
      case "socket":
      case "dir":
        return false;
      default:
        return facts.type satisfies never;
    }
  }

  #file(path: BytePath, temp: Buffer, facts: FileFacts): void {
    const fd = openSync(
      temp,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      for (const piece of this.#tree.read(path)) {
        for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
      }
      this.#setXattrs(temp, facts, path);
      fchmodSync(fd, facts.mode);
      futimesSync(fd, ...this.#times(facts));
    } finally {
      closeSync(fd);
    }
    this.files += 1;
    this.bytes += facts.size;
  }

  /** A further name of a file written before. False: write it out; also where something else is at that place by now. */
  #link(temp: Buffer, { linkGroup }: FileFacts): boolean {
    const first = linkGroup === undefined ? undefined : this.#links.get(linkGroup);
    if (first === undefined) return false;
    try {
      linkSync(Buffer.concat([this.#root, Buffer.from("/"), pathBytes(first.path)]), temp);
    } catch (error) {
      if (["EMLINK", "EPERM", "ENOENT", "EXDEV", "ENOTSUP"].includes(errnoOf(error) ?? "")) return false;
      throw error;
    }
    if (lstatSync(temp, { bigint: true }).ino === first.inode) return true;
    rmSync(temp);
    return false;
  }

  #node(
    path: BytePath,
    temp: Buffer,
    facts: FileFacts & { readonly type: "char" | "block" | "fifo" },
  ): boolean {
    try {
      if (!hasSyscalls()) return this.#leaveOut(path);
      const { type, mode, major = 0, minor = 0 } = facts;
      makeNode(temp, { type, mode, major, minor });
    } catch (error) {
      if (errnoOf(error) === "EPERM") return this.#leaveOut(path);
      throw error;
    }
    chmodSync(temp, facts.mode);
    utimesSync(temp, ...this.#times(facts));
    return true;
  }

  #setXattrs(at: Buffer, { xattrs }: FileFacts, path: BytePath): void {
    if (xattrs === undefined) return;
    try {
      if (!hasSyscalls()) throw new Error("no system calls");
      for (const [name, value] of Object.entries(xattrs)) setXattr(at, name, value);
    } catch {
      // As buildx: an attribute that the disk or the user cannot have does not fail the output.
      this.#leaveOut(path);
    }
  }

  #leaveOut(path: BytePath): false {
    this.leftOut.push(decodePath(path));
    return false;
  }

  /** Access and modification time. With SOURCE_DATE_EPOCH every file has that time, as from buildx. */
  #times({ mtimeSeconds, mtimeNanos }: FileFacts): [number, number] {
    const seconds = this.#epochSeconds ?? mtimeSeconds + mtimeNanos / 1e9;
    return [seconds, seconds];
  }
}

function below(handle: Buffer, name: string): Buffer {
  return Buffer.concat([handle, Buffer.from("/"), pathBytes(name)]);
}
