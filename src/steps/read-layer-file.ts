import { closeSync, constants, openSync, readSync, realpathSync } from "node:fs";
import { parentOf, pathBytes } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { TocEntry } from "../core/file-tree.ts";
import type { Toc } from "../layer/toc.ts";
import type { LayerBytes } from "./layer-book.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Bytes of a regular file of a layer, from its tar or its tree. A piece is valid until the next is asked for. */
export function readLayerFile(bytes: LayerBytes, entry: TocEntry, toc: Toc): Iterable<Uint8Array> {
  if (entry.size === 0) return [];
  if (bytes.type === "tree") return readTreeFile(bytes.path, entry);
  const row = toc.sparse.size === 0 ? -1 : toc.paths.indexOf(entry.path);
  return readTarFile(bytes.path, entry, toc.sparse.get(row));
}

/** A regular file as a tar holds it. */
interface StoredFile {
  readonly path: string;
  readonly size: number;
  readonly offset?: number;
}

/** Bytes of a file of an uncompressed tar; `pieces` of a sparse one as in Toc. */
export function readTarFile(
  tar: string,
  file: StoredFile,
  pieces: readonly number[] | undefined,
): Iterable<Uint8Array> {
  if (file.size === 0) return [];
  return pieces === undefined ? readRange(tar, file.offset ?? 0, file.size) : readSparse(tar, file, pieces);
}

function* readTreeFile(tree: string, entry: TocEntry): Iterable<Uint8Array> {
  const parent = Buffer.concat([Buffer.from(`${tree}/`), pathBytes(parentOf(entry.path))]);
  const real = realpathSync(parent, { encoding: "buffer" });
  // A tree holds what a foreign tar made: a link on the way must not lead the reader out of it.
  if (!real.equals(parent) && entry.path.includes("/")) throw damaged(entry);
  const path = Buffer.concat([Buffer.from(`${tree}/`), pathBytes(entry.path)]);
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    yield* readPieces(file, 0, entry.size, entry);
  } finally {
    closeSync(file);
  }
}

function* readRange(tar: string, offset: number, size: number): Iterable<Uint8Array> {
  const file = openSync(tar, "r");
  try {
    yield* readPieces(file, offset, size);
  } finally {
    closeSync(file);
  }
}

/** `pieces`: place in the file, bytes, place in the tar; what lies between is zeros. */
function* readSparse(tar: string, entry: StoredFile, pieces: readonly number[]): Iterable<Uint8Array> {
  const file = openSync(tar, "r");
  try {
    let at = 0;
    for (let i = 0; i + 2 < pieces.length; i += 3) {
      const [start = 0, size = 0, place = 0] = pieces.slice(i, i + 3);
      yield* zeros(start - at);
      yield* readPieces(file, place, size, entry);
      at = start + size;
    }
    yield* zeros(entry.size - at);
  } finally {
    closeSync(file);
  }
}

function* readPieces(file: number, offset: number, size: number, entry?: StoredFile): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
  for (let at = 0; at < size; ) {
    const read = readSync(file, buffer, 0, Math.min(buffer.length, size - at), offset + at);
    if (read === 0) throw damaged(entry);
    at += read;
    yield buffer.subarray(0, read);
  }
}

function* zeros(count: number): Iterable<Uint8Array> {
  const block = Buffer.alloc(Math.min(CHUNK_BYTES, Math.max(count, 0)));
  for (let left = count; left > 0; left -= block.length)
    yield block.subarray(0, Math.min(left, block.length));
}

function damaged(entry: StoredFile | undefined): BuildError {
  return new BuildError("store/damaged", `a layer does not hold the bytes of /${entry?.path ?? "a file"}`, {
    hint: "Run tsbuild verify.",
  });
}
