import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type BytePath, baseName, decodePath, parentOf, pathBytes } from "../core/byte-path.ts";
import type { PackEntry } from "../core/ports.ts";
import { errnoOf } from "../host/errno.ts";
import type { DirectoryHandle, RootHandle } from "../host/open-in-root.ts";
import { isKeptXattr, makeNode, setXattr } from "../host/syscalls.ts";
import { noPath } from "./walk-files.ts";

export interface FileWriterOptions {
  readonly root: RootHandle;
  /** Directory that paths of entries begin in; latin1 of its bytes. */
  readonly base: string;
  /** Files get the owners that entries say; else whoever writes them has them. */
  readonly keepsOwners: boolean;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes entries into a root that others may be changing: every name is made or replaced in a directory that is held open, found by
 * the kernel inside the root. A file replaces a file; nothing but a directory takes a directory's place, nor the other way round.
 */
export class FileWriter implements Disposable {
  readonly #options: FileWriterOptions;
  readonly #directories: { readonly path: BytePath; readonly seconds: number }[] = [];
  #parent: { readonly path: BytePath; readonly dir: DirectoryHandle } | undefined;
  #file: { readonly fd: number; readonly entry: PackEntry["entry"] } | undefined;

  constructor(options: FileWriterOptions) {
    this.#options = options;
  }

  write({ entry, content }: PackEntry): void {
    this.begin(entry);
    let at = 0;
    for (const piece of content?.() ?? []) {
      this.data(piece, at);
      at += piece.length;
    }
    this.end();
  }

  /** Whatever has content gets it by `data`; `end` completes the entry. */
  begin(entry: PackEntry["entry"]): void {
    const { path, kind } = entry;
    const dir = this.#open(parentOf(path));
    const name = path === "" ? "." : baseName(path);
    const place = dir.at(name);
    const existing = lstatSync(place, { throwIfNoEntry: false });
    if (kind === "dir") {
      if (existing === undefined) mkdirSync(place, { mode: 0o700 });
      else if (!existing.isDirectory()) throw noPath(shownPath(path), "a directory cannot replace a file");
      // What is copied into stays as it is, as Docker has it.
      else if (path === "") return;
      this.#own(place, entry);
      chmodSync(place, entry.mode);
      this.#directories.push({ path, seconds: entry.mtimeSeconds });
      return;
    }
    if (existing?.isDirectory() === true) throw noPath(shownPath(path), "a file cannot replace a directory");
    if (existing !== undefined) unlinkSync(place);
    if (kind === "file") this.#file = { fd: openSync(place, CREATE, 0o600), entry };
    else this.#makeOther(place, entry);
  }

  data(bytes: Uint8Array, at: number): void {
    if (this.#file === undefined) return;
    const { fd } = this.#file;
    for (let done = 0; done < bytes.length; )
      done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  }

  end(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const { fd, entry } = file;
    try {
      // A hole at the end of a sparse file has no bytes to write.
      ftruncateSync(fd, entry.size);
      if (this.#options.keepsOwners) fchownSync(fd, entry.uid, entry.gid);
      fchmodSync(fd, entry.mode);
      const place = Buffer.from(`/proc/self/fd/${fd}`);
      for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
        if (isKeptXattr(name)) setXattr(place, name, value);
      }
      futimesSync(fd, entry.mtimeSeconds, entry.mtimeSeconds);
    } finally {
      closeSync(fd);
    }
  }

  /** What is written into a directory moves its time: theirs come last. */
  finish(): void {
    for (const { path, seconds } of this.#directories.toReversed()) {
      const dir = this.#open(parentOf(path));
      lutimesSync(dir.at(path === "" ? "." : baseName(path)), seconds, seconds);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#parent?.dir[Symbol.dispose]();
  }

  #makeOther(place: Buffer, entry: PackEntry["entry"]): void {
    const { kind, target = "", mode, mtimeSeconds } = entry;
    if (kind === "hardlink") {
      using to = this.#options.root.openDirectory(this.#pathOf(parentOf(asPath(target))));
      linkSync(to.at(baseName(asPath(target))), place);
      return;
    }
    if (kind === "symlink") symlinkSync(pathBytes(target), place);
    else if (kind === "char" || kind === "block" || kind === "fifo") {
      makeNode(place, { type: kind, mode: 0o600, major: entry.major ?? 0, minor: entry.minor ?? 0 });
    } else return;
    this.#own(place, entry);
    if (kind !== "symlink") chmodSync(place, mode);
    lutimesSync(place, mtimeSeconds, mtimeSeconds);
  }

  #own(place: Buffer, { uid, gid }: PackEntry["entry"]): void {
    if (this.#options.keepsOwners) lchownSync(place, uid, gid);
  }

  /** A directory of the entries; one that no entry named is made. The last one stays open: its files come one after the other. */
  #open(path: BytePath): DirectoryHandle {
    if (this.#parent?.path === path) return this.#parent.dir;
    this.#parent?.dir[Symbol.dispose]();
    this.#parent = undefined;
    const dir = this.#openOrMake(path);
    this.#parent = { path, dir };
    return dir;
  }

  #openOrMake(path: BytePath): DirectoryHandle {
    const { root } = this.#options;
    try {
      return root.openDirectory(this.#pathOf(path));
    } catch (error) {
      if (errnoOf(error) === "ENOTDIR") throw noPath(shownPath(path), "it is no directory");
      if (errnoOf(error) !== "ENOENT" || path === "") throw error;
    }
    using above = this.#openOrMake(parentOf(path));
    mkdirSync(above.at(baseName(path)), { mode: 0o755 });
    return root.openDirectory(this.#pathOf(path));
  }

  #pathOf(path: BytePath): string {
    return `${this.#options.base}/${path}`;
  }
}

function asPath(target: string): BytePath {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entries of ours hold clean paths
  return target as BytePath;
}

function shownPath(path: BytePath): string {
  return path === "" ? "the destination" : decodePath(path);
}
