import { createHash, hash } from "node:crypto";
import { closeSync } from "node:fs";
import { type BytePath, decodePath } from "../core/byte-path.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { TocEntry, Xattrs } from "../core/file-tree.ts";
import type { RootFacts } from "../core/ports.ts";
import { isKeptXattr } from "../host/syscalls.ts";
import { readEntryName, readLinkTarget, unsafe } from "./entry-name.ts";
import { type Inode, LayerTree, type Slot } from "./layer-tree.ts";
import { type LayerLimits, tooLarge } from "./limits.ts";
import type { TarHandler } from "./read-tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { Toc } from "./toc.ts";
import type { TreeWriter } from "./tree-writer.ts";

const MAX_TARGET_BYTES = 4095;
const ZEROS = Buffer.alloc(64 * 1024);

/** The file whose content is coming. */
interface OpenFile {
  readonly inode: Inode;
  readonly path: BytePath;
  readonly fd: number | undefined;
  /** Bytes of the expanded file that are hashed. */
  done: number;
  whole: string | undefined;
  streamed: ReturnType<typeof createHash> | undefined;
}

export interface ReaderOptions {
  readonly limits: LayerLimits;
  /** Where the entries are also unpacked. */
  readonly writer: TreeWriter | undefined;
  /** Whether the table needs content digests. */
  readonly hashes: boolean;
  /** False: an ordinary archive, in which ".wh." means nothing. */
  readonly isLayer: boolean;
}

/**
 * Entries of an untrusted layer tar to a table of contents and, where a writer is given, to a tree on disk, at once. Nothing is
 * believed: names, links and sizes are judged here before anything is made.
 */
export class LayerReader implements TarHandler {
  readonly #tree: LayerTree;
  readonly #writer: TreeWriter | undefined;
  readonly #limits: LayerLimits;
  readonly #hashes: boolean;
  readonly #isLayer: boolean;
  #file: OpenFile | undefined;
  #entries = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(options: ReaderOptions) {
    this.#tree = new LayerTree(options.writer);
    this.#writer = options.writer;
    this.#limits = options.limits;
    this.#hashes = options.hashes;
    this.#isLayer = options.isLayer;
  }

  entry(raw: TarEntry): void {
    this.#charge(raw);
    const name = readEntryName(raw.name, this.#isLayer);
    if (name.type === "ignored") return;
    const entry = toTocEntry(name.path, name.type === "entry" ? raw.type : name.type, raw);
    if (name.type === "whiteout") this.#tree.hide(name.path, entry);
    else if (name.type === "opaque") this.#tree.hideBelow(name.path, entry);
    else if (entry.kind === "dir") this.#tree.putDir(name.path, { entry, onDisk: true });
    else if (name.path === "") throw unsafe(raw.name, "the root of a layer must be a directory");
    else if (entry.kind === "hardlink") this.#link(this.#tree.slot(name.path), entry, raw);
    else if (entry.kind === "file") this.#startFile(this.#tree.slot(name.path), entry, raw);
    else this.#putSpecial(this.#tree.slot(name.path), entry);
  }

  data(bytes: Buffer, at: number): void {
    const file = this.#file;
    if (file === undefined) return;
    if (file.fd !== undefined) this.#writer?.writeFile(file.fd, file.path, bytes, at);
    if (!this.#hashes) return;
    if (bytes.length === file.inode.entry.size) {
      file.whole = hash("sha256", bytes);
    } else {
      file.streamed ??= createHash("sha256");
      hashZeros(file.streamed, at - file.done);
      file.streamed.update(bytes);
    }
    file.done = at + bytes.length;
  }

  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const { inode, path, fd } = file;
    const { entry } = inode;
    if (fd !== undefined) this.#writer?.finishFile(fd, path, entry, inode.sparse !== undefined);
    if (this.#hashes) inode.entry = { ...entry, digest: digestOf(file, entry.size) };
  }

  /** After the last entry: directories get their facts, and the table is what came of it all. */
  finish(lower?: RootFacts): Toc {
    const writer = this.#writer;
    if (writer !== undefined) {
      for (const [path, node] of this.#tree.postOrder()) {
        if (node.children === undefined) continue;
        if (node.inode === undefined) writer.setUnlisted(path, lower?.facts(path));
        else writer.setFacts(path, node.inode.entry, "dir");
      }
    }
    return this.#tree.toc();
  }

  /** Lets go of what is open. The tree is left for its owner to remove. */
  abort(): void {
    if (this.#file?.fd !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** Bombs are stopped by what headers claim, before a byte of it is read. */
  #charge(raw: TarEntry): void {
    this.#entries += 1;
    this.#bytes += raw.size;
    this.#nameBytes += raw.name.length + raw.linkName.length;
    for (const [name, value] of Object.entries(raw.xattrs ?? {}))
      this.#nameBytes += name.length + value.length;
    const { maxEntries, maxBytes, maxNameBytes } = this.#limits;
    if (this.#entries > maxEntries) throw tooLarge(`it has more than ${maxEntries} entries`);
    if (this.#bytes > maxBytes) throw tooLarge(`its files have more than ${maxBytes} bytes`);
    if (this.#nameBytes > maxNameBytes) throw tooLarge(`its names have more than ${maxNameBytes} bytes`);
  }

  #startFile(slot: Slot, entry: TocEntry, raw: TarEntry): void {
    const { path } = slot;
    const inode: Inode = { entry: { ...entry, path }, sparse: sparseOf(raw), onDisk: true };
    this.#tree.put(slot, inode);
    const fd = this.#writer?.createFile(path, entry.mode);
    this.#file = { inode, path, fd, done: 0, whole: undefined, streamed: undefined };
  }

  #putSpecial(slot: Slot, given: TocEntry): void {
    const { path } = slot;
    // Verbatim, wherever it points: links are resolved by those who read them, in the root that they are in then.
    if (given.kind === "symlink" && !isTarget(given.target ?? ""))
      throw unsafe(path, "no symlink can have its target");
    const entry = { ...given, path };
    const inode: Inode = { entry, onDisk: !isWhiteoutDevice(entry) };
    const node = this.#tree.put(slot, inode);
    if (this.#writer === undefined) return;
    if (entry.kind === "symlink") this.#writer.createSymlink(path, entry.target ?? "", entry);
    else if (entry.kind === "char" || entry.kind === "block" || entry.kind === "fifo") {
      inode.onDisk &&= this.#writer.createNode(path, entry.kind, entry);
      if (!inode.onDisk && node.whiteout !== undefined) this.#writer.makeWhiteout(path);
    }
  }

  /** A hard link's header has facts of its own; they are the inode's from then on, as with Docker. */
  #link(slot: Slot, link: TocEntry, raw: TarEntry): void {
    const place = this.#tree.find(readLinkTarget(raw.name, raw.linkName));
    const inode = place?.node.inode;
    if (place === undefined || inode === undefined || inode.entry.kind === "dir") {
      const what = `"${decodePath(raw.name)}" is a hard link to "${decodePath(raw.linkName)}"`;
      throw new BuildError(
        "layer/bad-tar",
        `the layer's entry ${what}, which is no file in the layer before it`,
      );
    }
    if (place.path.startsWith(`${slot.path}/`))
      throw unsafe(raw.name, "it is a hard link to what it replaces");
    const isItself = place.node === slot.parent.children?.get(slot.base);
    if (!isItself) {
      const node = this.#tree.put(slot, inode);
      if (inode.onDisk) this.#writer?.createLink(place.path, slot.path);
      else if (node.whiteout !== undefined) this.#writer?.makeWhiteout(slot.path);
    }
    const { mode, uid, gid, mtimeSeconds, mtimeNanos } = link;
    if (inode.entry.kind === "symlink" || sameFacts(inode.entry, link)) return;
    inode.entry = { ...inode.entry, mode, uid, gid, mtimeSeconds, mtimeNanos };
    if (inode.onDisk) this.#writer?.setFacts(slot.path, inode.entry, inode.entry.kind);
  }
}

function toTocEntry(path: BytePath, kind: TocEntry["kind"], raw: TarEntry): TocEntry {
  const { mode, uid, gid, size, mtimeSeconds, mtimeNanos, major, minor, offset } = raw;
  const xattrs = keptXattrs(raw.xattrs);
  const isDevice = kind === "char" || kind === "block";
  return {
    path,
    kind,
    mode,
    uid,
    gid,
    size: kind === "file" ? size : 0,
    mtimeSeconds,
    mtimeNanos,
    ...(kind === "symlink" ? { target: raw.linkName } : {}),
    ...(isDevice ? { major, minor } : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(kind === "file" && raw.sparse === undefined ? { offset } : {}),
  };
}

function keptXattrs(xattrs: Xattrs | undefined): Xattrs | undefined {
  if (xattrs === undefined) return undefined;
  const kept = Object.entries(xattrs).filter(([name]) => isKeptXattr(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function sparseOf(raw: TarEntry): number[] | undefined {
  if (raw.sparse === undefined) return undefined;
  const pieces: number[] = [];
  let inTar = raw.offset;
  for (let i = 0; i < raw.sparse.length; i += 2) {
    const bytes = raw.sparse[i + 1] ?? 0;
    pieces.push(raw.sparse[i] ?? 0, bytes, inTar);
    inTar += bytes;
  }
  return pieces;
}

/** What symlink(2) takes. */
function isTarget(target: string): boolean {
  return target !== "" && target.length <= MAX_TARGET_BYTES && !target.includes("\0");
}

/** Overlayfs would take it for a whiteout: a tar's own device of these numbers is never made. */
function isWhiteoutDevice(entry: TocEntry): boolean {
  return entry.kind === "char" && entry.major === 0 && entry.minor === 0;
}

function sameFacts(a: TocEntry, b: TocEntry): boolean {
  const isSameOwner = a.uid === b.uid && a.gid === b.gid;
  return (
    isSameOwner && a.mode === b.mode && a.mtimeSeconds === b.mtimeSeconds && a.mtimeNanos === b.mtimeNanos
  );
}

function digestOf(file: OpenFile, size: number): Digest {
  let hex = file.whole;
  if (hex === undefined) {
    const streamed = file.streamed ?? createHash("sha256");
    hashZeros(streamed, size - file.done);
    hex = streamed.digest("hex");
  }
  return requireDigest(`sha256:${hex}`);
}

function hashZeros(target: ReturnType<typeof createHash>, count: number): void {
  for (let left = count; left > 0; left -= ZEROS.length) target.update(ZEROS.subarray(0, left));
}
