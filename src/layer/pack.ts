import { createHash, hash } from "node:crypto";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { type BytePath, baseName, decodePath, joinPath, parentOf } from "../core/byte-path.ts";
import { type DiffId, type Digest, requireDigest, toDiffId } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { BlobWriter, PackEntry } from "../core/ports.ts";
import { unreachable } from "../core/unreachable.ts";
import { BLOCK, encodeHeader, paddingOf, type TarHeader } from "./tar-header.ts";
import { type Toc, TocBuilder } from "./toc.ts";
import { OPAQUE_NAME, WHITEOUT_PREFIX } from "./whiteout.ts";

const BATCH_BYTES = 1024 * 1024;
/** Pieces from here on are written as they are; smaller ones are copied together. */
const DIRECT_BYTES = 128 * 1024;
const YIELD_MS = 40;

export interface PackOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PackedLayer {
  readonly diffId: DiffId;
  /** Bytes of the tar. */
  readonly size: number;
  readonly toc: Toc;
}

/**
 * Writes the canonical tar of sorted, canonical entries and commits it. Content is hashed as it passes: bytes other than those
 * that were keyed are refused with `context/changed`, a name that only a whiteout can have with `copy/whiteout-name`; the
 * writer is then left uncommitted. Sockets cannot be in a tar and are left out, as Docker does. The event loop gets a turn
 * every 40 ms.
 */
export async function packLayer(
  entries: Iterable<PackEntry>,
  writer: BlobWriter,
  options: PackOptions = {},
): Promise<PackedLayer> {
  const out = new Batch(writer);
  const toc = new TocBuilder();
  let lastTurn = performance.now();
  for (const item of entries) {
    if (item.entry.kind === "socket") continue;
    out.write(encodeHeader(headerOf(item.entry)));
    if (item.entry.kind !== "file") {
      toc.add(item.entry);
    } else {
      const offset = out.position;
      const digest = await writeContent(item, out, options.signal);
      toc.add({ ...item.entry, digest, offset });
    }
    if (performance.now() - lastTurn < YIELD_MS) continue;
    await takeTurn(options.signal);
    lastTurn = performance.now();
  }
  out.zeros(2 * BLOCK);
  out.flush();
  const { digest, size } = writer.commit();
  return { diffId: toDiffId(digest), size, toc: toc.build() };
}

/** What the tar calls an entry: a directory's name ends in "/", whiteouts are files with a reserved name. */
function headerOf(entry: PackEntry["entry"]): TarHeader {
  const { path, kind, target } = entry;
  const facts = { ...entry, name: path as string, linkName: target };
  switch (kind) {
    case "whiteout":
      return { ...facts, name: siblingOf(path, WHITEOUT_PREFIX + baseName(path)), type: "file", size: 0 };
    case "opaque":
      return { ...facts, name: joinPath(path, OPAQUE_NAME), type: "file", size: 0 };
    case "dir":
      return { ...facts, name: path === "" ? "./" : `${refuseWhiteoutName(path)}/`, type: kind, size: 0 };
    case "file":
      return { ...facts, name: refuseWhiteoutName(path), type: kind };
    case "socket":
      throw new Error("a socket has no place in a tar");
    case "hardlink":
    case "symlink":
    case "char":
    case "block":
    case "fifo":
      return { ...facts, name: refuseWhiteoutName(path), type: kind, size: 0 };
    default:
      return unreachable(kind);
  }
}

function siblingOf(path: BytePath, name: string): BytePath {
  return joinPath(parentOf(path), name);
}

function refuseWhiteoutName(path: BytePath): BytePath {
  if (!baseName(path).startsWith(WHITEOUT_PREFIX)) return path;
  throw new BuildError(
    "copy/whiteout-name",
    `"${decodePath(path)}" cannot be in a layer: names that begin with ".wh." mean a deletion`,
    { hint: "Rename it, or leave it out with .dockerignore." },
  );
}

async function writeContent(item: PackEntry, out: Batch, signal: AbortSignal | undefined): Promise<Digest> {
  const { path, size } = item.entry;
  const start = out.position;
  let lastTurn = performance.now();
  await using hashing = await openHash(size);
  for (const piece of item.content?.() ?? []) {
    hashing.update(piece);
    out.write(piece);
    if (out.position - start > size) throw changed(path);
    if (performance.now() - lastTurn < YIELD_MS) continue;
    await takeTurn(signal);
    lastTurn = performance.now();
  }
  if (out.position - start !== size) throw changed(path);
  out.zeros(paddingOf(size));
  const found = requireDigest(`sha256:${await hashing.digest()}`);
  if (item.digest !== undefined && item.digest !== found) throw changed(path);
  return found;
}

interface ContentHash extends AsyncDisposable {
  update(piece: Uint8Array): void;
  digest(): Promise<string> | string;
}

/** From here on a file's content is hashed by another thread, while this one hashes and writes the tar. */
const WORTH_A_THREAD_BYTES = 64 * 1024 * 1024;

async function openHash(size: number): Promise<ContentHash> {
  if (size < WORTH_A_THREAD_BYTES || availableParallelism() < 2) return new SmallHash(size);
  const { HashWorker } = await import("../host/hash-worker.ts");
  return new HashWorker();
}

/** One call of hash() costs a third of a Hash object, and most files come in one piece. */
class SmallHash implements ContentHash {
  readonly #size: number;
  #streamed: ReturnType<typeof createHash> | undefined;
  #digest: string | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  update(piece: Uint8Array): void {
    if (piece.length === this.#size) this.#digest = hash("sha256", piece);
    else this.#streamed = (this.#streamed ?? createHash("sha256")).update(piece);
  }

  digest(): string {
    return this.#digest ?? (this.#streamed ?? createHash("sha256")).digest("hex");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function changed(path: BytePath): BuildError {
  return new BuildError("context/changed", `"${decodePath(path)}" changed during the build`, {
    hint: "Build again once nothing writes to it.",
  });
}

async function takeTurn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/** Gathers small writes in one buffer that is used again and again: a write call and a hash update a megabyte. */
class Batch {
  readonly #writer: BlobWriter;
  readonly #buffer = Buffer.allocUnsafe(BATCH_BYTES);
  #used = 0;
  /** Bytes given so far: where the next one lands in the tar. */
  position = 0;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  write(bytes: Uint8Array): void {
    this.position += bytes.length;
    if (bytes.length >= DIRECT_BYTES) {
      this.flush();
      this.#writer.write(bytes);
      return;
    }
    if (this.#used + bytes.length > BATCH_BYTES) this.flush();
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** At most two blocks. */
  zeros(count: number): void {
    if (this.#used + count > BATCH_BYTES) this.flush();
    this.#buffer.fill(0, this.#used, this.#used + count);
    this.#used += count;
    this.position += count;
  }

  flush(): void {
    if (this.#used > 0) this.#writer.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
