import { closeSync } from "node:fs";
import { type BytePath, decodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { TocEntry, Xattrs } from "../core/file-tree.ts";
import type { RootFacts } from "../core/ports.ts";
import { isKeptXattr } from "../host/syscalls.ts";
import { ContentHash } from "./content-hash.ts";
import { isTarget, readEntryName, readLinkTarget, unsafe } from "./entry-name.ts";
import { type Inode, LayerTree, type Slot } from "./layer-tree.ts";
import { EntryMeter, type LayerLimits } from "./limits.ts";
import type { TarHandler } from "./read-tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { Toc } from "./toc.ts";
import type { TreeWriter } from "./tree-writer.ts";

/** The file whose content is coming. */
interface OpenFile {
  readonly inode: Inode;
  readonly path: BytePath;
  readonly fd: number | undefined;
  readonly hash: ContentHash | undefined;
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
  readonly #meter: EntryMeter;
  readonly #hashes: boolean;
  readonly #isLayer: boolean;
  #file: OpenFile | undefined;

  constructor(options: ReaderOptions) {
    this.#tree = new LayerTree(options.writer);
    this.#writer = options.writer;
    this.#meter = new EntryMeter(options.limits);
    this.#hashes = options.hashes;
    this.#isLayer = options.isLayer;
  }

  entry(raw: TarEntry): void {
    this.#meter.charge(raw);
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
    file.hash?.add(bytes, at);
  }

  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const { inode, path, fd, hash } = file;
    const { entry } = inode;
    if (fd !== undefined) this.#writer?.finishFile(fd, path, entry, inode.sparse !== undefined);
    if (hash !== undefined) inode.entry = { ...entry, digest: hash.digest() };
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

  #startFile(slot: Slot, entry: TocEntry, raw: TarEntry): void {
    const { path } = slot;
    const inode: Inode = { entry: { ...entry, path }, sparse: sparseOf(raw), onDisk: true };
    this.#tree.put(slot, inode);
    const fd = this.#writer?.createFile(path, entry.mode);
    this.#file = { inode, path, fd, hash: this.#hashes ? new ContentHash(entry.size) : undefined };
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

/** As `sparse` of a Toc: place in the file, bytes, place in the tar. */
export function sparseOf(raw: TarEntry): number[] | undefined {
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
