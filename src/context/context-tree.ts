import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { type BytePath, decodePath, joinPath, parentOf, ROOT_PATH } from "../core/byte-path.ts";
import type { Digest } from "../core/digest.ts";
import { requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree, Listing } from "../core/file-tree.ts";
import type { Clock } from "../core/ports.ts";
import { ContentDigests } from "./content-digests.ts";
import { diskError, isMissing } from "./disk-error.ts";
import type { IgnoreRules } from "./ignore-file.ts";
import { MerkleTree, splitDevice } from "./merkle-tree.ts";
import { FLAG, KIND, KIND_NAMES } from "./node-table.ts";
import { collectColumns } from "./save-columns.ts";
import { loadStatCache, saveStatCache } from "./stat-cache.ts";
import { ContextWalk } from "./walk.ts";

export interface ContextOptions {
  /** The directory, as the person named it. */
  readonly root: string;
  readonly ignore: IgnoreRules;
  /** The store, for its stat cache; never part of the context. Absent: nothing is remembered. */
  readonly home?: string | undefined;
  readonly clock: Clock;
}

/** As many symlinks as the kernel follows in one lookup. */
const MAX_LINKS = 40;

/** Opens a directory as a context. Nothing is read but its root. Throws `context/not-found`. */
export function openContext(options: ContextOptions): ContextTree {
  const root = realRoot(options.root);
  const hidden = new Set<string>();
  const store = options.home === undefined ? undefined : pathInside(root, options.home);
  if (store !== undefined) hidden.add(store);
  return new ContextTree(options, root, hidden);
}

/**
 * A context as COPY and ADD read it: the directory less what is ignored, everything owned by root, no extended attributes
 * (Docker's client sends none that survive). Directories are read as they are asked for, each once: the tree is a picture of
 * the disk at that moment, and `refresh` takes a new one.
 */
export class ContextTree implements FileTree, Disposable {
  readonly #options: ContextOptions;
  readonly #root: string;
  readonly #hidden: ReadonlySet<string>;
  #walk: ContextWalk;
  #contents: ContentDigests;
  #merkle: MerkleTree;
  #merkleRoots: BytePath[] = [];
  #lastDir: { readonly path: string; readonly node: number | undefined } = { path: "", node: 0 };

  /** Through openContext only: `root` is a real path (latin1 bytes). */
  constructor(options: ContextOptions, root: string, hidden: ReadonlySet<string>) {
    this.#options = options;
    this.#root = root;
    this.#hidden = hidden;
    this.#walk = this.#startWalk();
    this.#contents = new ContentDigests(this.#walk, options.clock);
    this.#merkle = new MerkleTree(this.#walk, this.#contents);
  }

  facts(path: BytePath): FileFacts | undefined {
    const node = this.#find(path);
    if (node === undefined) return undefined;
    const { table } = this.#walk;
    const kind = table.kinds[node] ?? KIND.socket;
    const mtime = this.#mtime(node);
    return {
      type: KIND_NAMES[kind] ?? "socket",
      mode: kind === KIND.symlink ? 0o777 : (table.modes[node] ?? 0),
      uid: 0,
      gid: 0,
      size: table.sizes[node] ?? 0,
      ...mtime,
      ...(kind === KIND.symlink ? { target: this.#target(node) } : {}),
      ...(kind === KIND.char || kind === KIND.block ? splitDevice(this.#stat(node).rdev) : {}),
      ...(table.hasFlag(node, FLAG.multiLink) ? { linkGroup: this.#merkle.groups.numberOf(node) } : {}),
    };
  }

  resolve(path: BytePath, followLast: boolean): BytePath | undefined {
    const todo = path.split("/").filter(isName).toReversed();
    let at: BytePath = ROOT_PATH;
    let links = 0;
    while (todo.length > 0) {
      const name = todo.pop() ?? "";
      if (name === "..") {
        at = parentOf(at);
        continue;
      }
      const next = joinPath(at, name);
      const node = this.#find(next);
      if (node === undefined) return undefined;
      if (this.#walk.table.kinds[node] !== KIND.symlink || (todo.length === 0 && !followLast)) {
        at = next;
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) return undefined;
      const target = this.#target(node);
      if (target.startsWith("/")) at = ROOT_PATH;
      todo.push(...target.split("/").filter(isName).toReversed());
    }
    return at;
  }

  names(dir: BytePath): readonly string[] {
    const node = this.#find(dir);
    if (node === undefined || !this.#walk.table.isDir(node)) return [];
    return Array.from(this.#walk.children(node), (child) => this.#walk.table.names[child] ?? "");
  }

  contentDigest(path: BytePath): Digest {
    const bytes = this.#contents.of(this.#requireFile(path));
    return requireDigest(`sha256:${Buffer.from(bytes).toString("hex")}`);
  }

  read(path: BytePath): Iterable<Uint8Array> {
    return this.#contents.read(this.#requireFile(path));
  }

  merkle(path: BytePath): Digest {
    const node = this.#require(path);
    if (this.#walk.table.kinds[node] === KIND.socket) throw unsupported(path);
    const digest = this.#merkle.digest(node);
    if (!this.#merkleRoots.includes(path)) this.#merkleRoots.push(path);
    return digest;
  }

  /**
   * The listing of a directory as it is part of a Merkle tree. Hard links are told relative to that tree's root: the widest
   * one asked for so far that holds the directory, or the directory itself.
   */
  listing(dir: BytePath): Listing | undefined {
    const node = this.#find(dir);
    if (node === undefined || !this.#walk.table.isDir(node)) return undefined;
    const roots = this.#merkleRoots.filter(
      (root) => root === "" || root === dir || dir.startsWith(`${root}/`),
    );
    const root = roots.toSorted((a, b) => a.length - b.length)[0];
    return this.#merkle.listing(node, (root === undefined ? undefined : this.#find(root)) ?? node);
  }

  /** Files (anything but directories) met so far and their bytes. */
  stats(): { readonly files: number; readonly bytes: number } {
    const { table } = this.#walk;
    let files = 0;
    let bytes = 0;
    for (let node = 0; node < table.size; node++) {
      const kind = table.kinds[node];
      if (kind === KIND.dir || kind === KIND.socket) continue;
      files += 1;
      bytes += table.sizes[node] ?? 0;
    }
    return { files, bytes };
  }

  /** Forgets what was seen: the next question looks at the disk again. For a build that found the context changed. */
  refresh(): void {
    this.save();
    this.#walk[Symbol.dispose]();
    this.#walk = this.#startWalk();
    this.#contents = new ContentDigests(this.#walk, this.#options.clock);
    this.#merkle = new MerkleTree(this.#walk, this.#contents);
    this.#merkleRoots = [];
    this.#lastDir = { path: "", node: 0 };
  }

  /** Remembers what was learnt for the next build. True: a file was written (it is not where nothing is new). */
  save(): boolean {
    const { home } = this.#options;
    if (home === undefined || !(this.#contents.learnt || this.#merkle.learnt)) return false;
    this.#contents.learnt = false;
    this.#merkle.learnt = false;
    return saveStatCache(home, this.#root, collectColumns(this.#walk, this.#merkle));
  }

  [Symbol.dispose](): void {
    this.save();
    this.#walk[Symbol.dispose]();
  }

  #startWalk(): ContextWalk {
    const cache = loadStatCache(this.#options.home, this.#root);
    const patterns = this.#options.ignore.set;
    return new ContextWalk({ root: this.#root, patterns, cache, hidden: this.#hidden });
  }

  #require(path: BytePath): number {
    const node = this.#find(path);
    if (node === undefined) throw new Error(`no such context path: ${path}`);
    return node;
  }

  #requireFile(path: BytePath): number {
    const node = this.#require(path);
    if (this.#walk.table.kinds[node] === KIND.socket) throw unsupported(path);
    if (this.#walk.table.kinds[node] !== KIND.file) throw new Error(`no regular file: ${path}`);
    return node;
  }

  #find(path: string): number | undefined {
    if (path === "") return 0;
    const slash = path.lastIndexOf("/");
    const dir = this.#findDir(slash < 0 ? "" : path.slice(0, slash));
    return dir === undefined ? undefined : this.#child(dir, path.slice(slash + 1));
  }

  /** One directory is asked for many times in a row. */
  #findDir(path: string): number | undefined {
    if (this.#lastDir.path === path) return this.#lastDir.node;
    let node: number | undefined = 0;
    for (const name of path === "" ? [] : path.split("/")) {
      node = node === undefined ? undefined : this.#child(node, name);
    }
    this.#lastDir = { path, node };
    return node;
  }

  #child(dir: number, name: string): number | undefined {
    if (!this.#walk.table.isDir(dir)) return undefined;
    this.#walk.open(dir);
    const node = this.#walk.table.child(dir, name);
    return node !== undefined && this.#walk.isPresent(node) ? node : undefined;
  }

  #target(node: number): string {
    try {
      return readlinkSync(this.#walk.diskPath(node), { encoding: "latin1" });
    } catch (error) {
      throw diskError(error, this.#walk.table.path(node));
    }
  }

  #stat(node: number) {
    try {
      return lstatSync(this.#walk.diskPath(node), { bigint: false });
    } catch (error) {
      throw diskError(error, this.#walk.table.path(node));
    }
  }

  /** Nanoseconds to about a quarter of a microsecond; seconds exactly. */
  #mtime(node: number): { readonly mtimeSeconds: number; readonly mtimeNanos: number } {
    const ms = this.#walk.table.mtimes[node] ?? 0;
    const seconds = Math.floor(ms / 1000);
    // The last tenth of a microsecond before a second rounds up to it: ask for the exact time.
    if (ms === seconds * 1000) return this.#exactMtime(node);
    return {
      mtimeSeconds: seconds,
      mtimeNanos: Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6)),
    };
  }

  #exactMtime(node: number): { readonly mtimeSeconds: number; readonly mtimeNanos: number } {
    try {
      const nanos = lstatSync(this.#walk.diskPath(node), { bigint: true }).mtimeNs;
      const rest = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      return { mtimeSeconds: Number((nanos - rest) / 1_000_000_000n), mtimeNanos: Number(rest) };
    } catch (error) {
      throw diskError(error, this.#walk.table.path(node));
    }
  }
}

function isName(part: string): boolean {
  return part !== "" && part !== ".";
}

/** Real path of a directory as bytes (latin1), without a trailing slash ("" for the file system's root). */
function realRoot(path: string): string {
  try {
    const real = realpathSync.native(path, { encoding: "buffer" }).toString("latin1");
    if (!lstatSync(Buffer.from(real, "latin1")).isDirectory()) throw notADirectory(path);
    return real === "/" ? "" : real;
  } catch (error) {
    if (error instanceof BuildError) throw error;
    if (!isMissing(error)) throw diskError(error, "");
    throw new BuildError("context/not-found", `there is no directory ${path} to build from`, {
      hint: "The last argument of a build is the folder that COPY reads from; write . for the current one.",
      cause: error,
    });
  }
}

function notADirectory(path: string): BuildError {
  return new BuildError("context/not-found", `${path} is not a directory`, {
    hint: `To name the Dockerfile write: -f ${path} .`,
  });
}

/** Where `path` lies below `root`; undefined where it does not, or does not exist. */
function pathInside(root: string, path: string): string | undefined {
  try {
    const real = realpathSync.native(path, { encoding: "buffer" }).toString("latin1");
    return real.startsWith(`${root}/`) ? real.slice(root.length + 1) : undefined;
  } catch {
    return undefined;
  }
}

function unsupported(path: string): BuildError {
  return new BuildError("context/unsupported-file", `${decodePath(path)} is a socket and cannot be copied`, {
    hint: "Add it to .dockerignore.",
  });
}
