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
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { type BytePath, decodePath, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, TocEntry } from "../core/file-tree.ts";
import { hasSyscalls, isSyscallError, makeNode, setTimes, setXattr } from "../host/syscalls.ts";
import type { TreeEvents } from "./layer-tree.ts";

export interface TreeOptions {
  /** An empty directory, or none yet; nobody else writes to it. It is not under a path that others control. */
  readonly dir: string;
  /** Who marks opaque directories: overlayfs of the first user namespace reads `trusted`, of any other `user` (userxattr). */
  readonly overlay: "trusted" | "user";
}

/** What an entry becomes on disk: the facts that are set once its content is there. */
export type DiskFacts = Pick<TocEntry, "mode" | "uid" | "gid" | "mtimeSeconds" | "mtimeNanos" | "xattrs">;

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const NOBODY = 65_534;
/** A directory that no entry lists and no lower layer has. */
const UNLISTED: DiskFacts = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanos: 0 };

/**
 * A layer's tree for overlayfs, written name by name. Paths must be free of symlinks: LayerTree gives such. Everything is made
 * exclusively, so a name that is there already (on a file system that folds case) is an error and never followed.
 */
export class TreeWriter implements TreeEvents {
  readonly #root: string;
  readonly #rootBytes: Buffer;
  readonly #opaqueXattr: string;
  readonly #umask: number;
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  readonly #unmappedUids = new Set<number>();
  readonly #unmappedGids = new Set<number>();
  #mayChown = true;
  /** True: an owner, a device or an xattr could not be kept on this disk. The table of contents has it. */
  squashed = false;

  constructor(options: TreeOptions) {
    this.#root = options.dir;
    this.#rootBytes = Buffer.from(`${options.dir}/`);
    this.#opaqueXattr = `${options.overlay}.overlay.opaque`;
    mkdirSync(options.dir, { recursive: true });
    if (readdirSync(options.dir).length > 0) throw new Error(`not an empty directory: ${options.dir}`);
    // A directory's own set-group-id bit would give its group to all that is made in it.
    chmodSync(options.dir, 0o755);
    this.#umask = probeUmask(options.dir);
  }

  makeDir(path: BytePath): void {
    this.#guard(path, () => mkdirSync(this.#at(path), 0o755));
  }

  remove(path: BytePath): void {
    // By bytes rm cannot recurse; a latin1 name that is not ASCII is rare, and a directory of that name that gives way rarer.
    rmSync(this.#at(path), { recursive: true, force: true });
  }

  makeWhiteout(path: BytePath): void {
    this.#guard(path, () => makeNode(this.#bytesAt(path), { type: "char", mode: 0, major: 0, minor: 0 }));
  }

  makeOpaque(path: BytePath): void {
    this.#guard(path, () => setXattr(this.#bytesAt(path), this.#opaqueXattr, "y"));
  }

  /** An open, empty file of the path. The caller ends it with finishFile. */
  createFile(path: BytePath, mode: number): number {
    return this.#guard(path, () => openSync(this.#at(path), CREATE, mode & 0o777));
  }

  /** Content of an open file, at a place in it. */
  writeFile(fd: number, path: BytePath, bytes: Uint8Array, at: number): void {
    this.#guard(path, () => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, at + done);
      }
    });
  }

  /**
   * Sets facts and size of a file that is complete and closes it. The order is the kernel's: a change of owner clears
   * set-id bits and capabilities.
   */
  finishFile(
    fd: number,
    path: BytePath,
    facts: DiskFacts & { readonly size: number },
    hasHoles: boolean,
  ): void {
    this.#guard(path, () => {
      try {
        if (hasHoles) ftruncateSync(fd, facts.size);
        this.#chown(facts, (uid, gid) => fchownSync(fd, uid, gid));
        if (this.#needsChmod(facts.mode)) fchmodSync(fd, facts.mode);
        this.#setXattrs(path, facts);
        if (facts.mtimeNanos === 0) futimesSync(fd, facts.mtimeSeconds, facts.mtimeSeconds);
        else this.#setTimes(path, facts);
      } finally {
        closeSync(fd);
      }
    });
  }

  createLink(target: BytePath, path: BytePath): void {
    this.#guard(path, () => linkSync(this.#at(target), this.#at(path)));
  }

  createSymlink(path: BytePath, target: string, facts: DiskFacts): void {
    this.#guard(path, () => {
      const at = this.#at(path);
      symlinkSync(isAscii(target) ? target : pathBytes(target), at);
      this.#chown(facts, (uid, gid) => lchownSync(at, uid, gid));
      this.#setTimes(path, facts);
    });
  }

  /** A device or named pipe. False: this process may not make it. */
  createNode(path: BytePath, type: "char" | "block" | "fifo", entry: TocEntry): boolean {
    const { mode, major = 0, minor = 0 } = entry;
    try {
      makeNode(this.#bytesAt(path), { type, mode: mode & 0o777, major, minor });
    } catch (error) {
      if (!isSyscallError(error) && hasSyscalls()) throw error;
      this.squashed = true;
      return false;
    }
    this.setFacts(path, entry, entry.kind);
    return true;
  }

  /** Facts of what is there already: a directory once it is complete, a file that a hard link of other facts was made to. */
  setFacts(path: BytePath, facts: DiskFacts, kind: TocEntry["kind"]): void {
    this.#guard(path, () => {
      const at = this.#at(path);
      this.#chown(facts, (uid, gid) => lchownSync(at, uid, gid));
      if (kind !== "symlink") chmodSync(at, facts.mode);
      this.#setXattrs(path, facts);
      this.#setTimes(path, facts);
    });
  }

  /** A directory that the layer does not list takes what the layers below have, as overlayfs would show it. */
  setUnlisted(path: BytePath, lower: FileFacts | undefined): void {
    this.setFacts(path, lower?.type === "dir" ? lower : UNLISTED, "dir");
  }

  /** Nothing is left of the tree: it is of no use half made. */
  discard(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #at(path: BytePath): string | Buffer {
    if (path === ROOT_PATH) return this.#root;
    return isAscii(path) ? `${this.#root}/${path}` : this.#bytesAt(path);
  }

  #bytesAt(path: BytePath): Buffer {
    return Buffer.concat([this.#rootBytes, pathBytes(path)]);
  }

  #needsChmod(mode: number): boolean {
    return (mode & this.#umask) !== 0 || mode > 0o777;
  }

  #chown({ uid, gid }: DiskFacts, change: (uid: number, gid: number) => void): void {
    if ((uid === this.#uid && gid === this.#gid) || !this.#mayChown) {
      this.squashed ||= !(uid === this.#uid && gid === this.#gid);
      return;
    }
    const owner = this.#unmappedUids.has(uid) ? NOBODY : uid;
    const group = this.#unmappedGids.has(gid) ? NOBODY : gid;
    try {
      change(owner, group);
    } catch (error) {
      this.#squash(error, { owner, group }, change);
    }
  }

  /** EPERM: no privilege at all. EINVAL: an id that the user namespace has no number for; nobody stands in for it. */
  #squash(
    error: unknown,
    { owner, group }: { readonly owner: number; readonly group: number },
    change: (uid: number, gid: number) => void,
  ): void {
    if (!isSyscallError(error) || (error.code !== "EPERM" && error.code !== "EINVAL")) throw error;
    this.squashed = true;
    if (error.code === "EPERM") {
      this.#mayChown = false;
      return;
    }
    if (!holds(() => change(owner, -1))) this.#unmappedUids.add(owner);
    if (!holds(() => change(-1, group))) this.#unmappedGids.add(group);
    if (this.#unmappedUids.has(owner)) holds(() => change(NOBODY, -1));
    if (this.#unmappedGids.has(group)) holds(() => change(-1, NOBODY));
  }

  #setXattrs(path: BytePath, { xattrs }: DiskFacts): void {
    if (xattrs === undefined) return;
    for (const [name, value] of Object.entries(xattrs)) {
      if (!hasSyscalls() || !holds(() => setXattr(this.#bytesAt(path), name, value))) this.squashed = true;
    }
  }

  #setTimes(path: BytePath, { mtimeSeconds, mtimeNanos }: DiskFacts): void {
    if (mtimeNanos !== 0 && hasSyscalls()) setTimes(this.#bytesAt(path), mtimeSeconds, mtimeNanos);
    else lutimesSync(this.#at(path), mtimeSeconds, mtimeSeconds);
  }

  #guard<T>(path: BytePath, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(path, error);
    }
  }
}

function explain(path: BytePath, error: unknown): unknown {
  if (!isSyscallError(error)) return error;
  const about = `cannot unpack the layer's entry "${decodePath(path)}": ${error.message}`;
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new BuildError("store/disk-full", "the disk is full", {
        cause: error,
        hint: "Run: tsbuild cache prune",
      });
    case "EEXIST":
    case "ENAMETOOLONG":
    case "ELOOP":
    case "ENOTDIR":
    case "EFBIG":
    case "EMLINK":
      return new BuildError("layer/unsafe-entry", about, { cause: error });
    default:
      return new BuildError("run/workspace", about, { cause: error });
  }
}

function holds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isSyscallError(error)) throw error;
    return false;
  }
}

/** process.umask() cannot be asked without being set: a directory tells. */
function probeUmask(dir: string): number {
  const probe = `${dir}/.umask`;
  mkdirSync(probe, 0o777);
  const { mode } = statSync(probe);
  rmSync(probe, { recursive: true });
  return 0o777 & ~mode;
}

function isAscii(text: string): boolean {
  return !/[^\x01-\x7f]/.test(text);
}
