import { closeSync, createReadStream, openSync, readSync, realpathSync, statSync, writeSync } from "node:fs";
import { join, posix } from "node:path";
import { parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { type ArchiveEntry, readArchive } from "../layer/archive.ts";
import { indexArchive } from "../layer/index-archive.ts";
import { guardDisk } from "../store/disk-errors.ts";
import type { Workshop } from "./workshop.ts";

/** Bytes of an archive's member, in a file of this machine. */
export interface FileRange {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** What an archive holds, by name. Links are followed, inside the archive. */
export interface ArchiveFiles {
  find(name: string): FileRange | undefined;
  /** A JSON document, as bytes; undefined where there is none. */
  read(name: string): Buffer | undefined;
}

type Member = { readonly file: FileRange } | { readonly link: readonly string[] };

const MAX_LINKS = 8;
/** Manifests and configs are kilobytes; nothing that is larger is one. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/** Members by name, filled by whoever reads the archive. */
class MemberTable implements ArchiveFiles {
  readonly #members = new Map<string, Member>();

  addFile(name: string, file: FileRange): void {
    this.#members.set(name, { file });
  }

  /** A symbolic link points from its folder, a hard link from the top: the archive's reader does not tell them apart. */
  addLink(name: string, target: string): void {
    const fromFolder = posix.normalize(posix.join(posix.dirname(name), target));
    this.#members.set(name, { link: [fromFolder, posix.normalize(target).replace(/^\/+/, "")] });
  }

  find(name: string): FileRange | undefined {
    return this.#follow(posix.normalize(name), 0);
  }

  read(name: string): Buffer | undefined {
    const range = this.find(name);
    return range === undefined ? undefined : readRange(range, name);
  }

  #follow(name: string, depth: number): FileRange | undefined {
    const member = this.#members.get(name);
    if (member === undefined || depth > MAX_LINKS) return undefined;
    if ("file" in member) return member.file;
    for (const target of member.link) {
      const found = this.#follow(target, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** A folder as an archive: an OCI layout's files by name. A link that leads out of it is not followed. */
export function openFolder(dir: string): ArchiveFiles {
  const find = (name: string): FileRange | undefined => {
    const path = join(dir, posix.normalize(`/${name}`));
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || !realpathSync(path).startsWith(`${realpathSync(dir)}/`)) return undefined;
    return { path, start: 0, size: stat.size };
  };
  const read = (name: string) => {
    const range = find(name);
    return range === undefined ? undefined : readRange(range, name);
  };
  return { find, read };
}

/** The bytes of a range as a stream. */
export async function* streamRange(range: FileRange): AsyncGenerator<Uint8Array> {
  if (range.size === 0) return;
  const end = range.start + range.size - 1;
  yield* createReadStream(range.path, { start: range.start, end, highWaterMark: READ_BYTES });
}

function readRange({ path, start, size }: FileRange, name: string): Buffer {
  if (size > MAX_DOCUMENT_BYTES)
    throw new BuildError("image/bad-archive", `${name} in the archive is too large`);
  const bytes = Buffer.allocUnsafe(size);
  const fd = openSync(path, "r");
  try {
    for (let at = 0; at < size; ) {
      const count = readSync(fd, bytes, at, size - at, start + at);
      if (count === 0) throw new BuildError("image/bad-archive", `the archive ends inside ${name}`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads an archive from a stream into files of `dir`: its documents come last, so nothing can be decided before its end. Blobs
 * that the store has already are not copied.
 */
export async function unpackMembers(
  source: AsyncIterable<Uint8Array>,
  how: { readonly dir: string; readonly shop: Workshop; readonly signal: AbortSignal },
): Promise<ArchiveFiles> {
  const table = new MemberTable();
  let count = 0;
  for await (const entry of readArchive(source)) {
    if (how.signal.aborted) throw new BuildError("cli/canceled", "canceled");
    if (entry.type === "link") table.addLink(entry.name, entry.target);
    if (entry.type !== "file") continue;
    // Names are untrusted: on disk a member has a number.
    const file =
      blobHere(entry, how.shop) ?? (await copyMember(entry, join(how.dir, `${count++}`), how.shop));
    table.addFile(entry.name, file);
  }
  return table;
}

/** The members of an archive that is a plain tar file, where they are: nothing is copied. Undefined: read it as a stream. */
export function findMembers(path: string): ArchiveFiles | undefined {
  const entries = indexArchive(path);
  if (entries === undefined) return undefined;
  const table = new MemberTable();
  for (const { name, type, target, start, size } of entries) {
    if (type === "link") table.addLink(name, target);
    if (type === "file") table.addFile(name, { path, start, size });
  }
  return table;
}

/** `blobs/sha256/<digest>` that is in the store, claimed for this command. */
function blobHere(
  { name, size }: Pick<ArchiveEntry, "name" | "size">,
  { store }: Workshop,
): FileRange | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  const digest = hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
  if (digest === undefined || store.blobs.sizeOf(digest) !== size || !store.blobs.claim(digest))
    return undefined;
  return { path: store.blobs.pathOf(digest), start: 0, size };
}

async function copyMember(entry: ArchiveEntry, path: string, shop: Workshop): Promise<FileRange> {
  const fd = guardDisk(shop.store.paths, () => openSync(path, "wx", 0o600));
  let size = 0;
  try {
    for await (const chunk of entry.content()) {
      guardDisk(shop.store.paths, () => writeAll(fd, chunk));
      size += chunk.length;
    }
  } finally {
    closeSync(fd);
  }
  if (size !== entry.size) throw new BuildError("image/bad-archive", `the archive ends inside ${entry.name}`);
  return { path, start: 0, size };
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
