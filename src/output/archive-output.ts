import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { BLOCK, encodeHeader, paddingOf } from "../layer/tar-header.ts";

/** Pieces of an archive. RULE: a piece is valid only until the next one is asked for. */
export type Pieces = AsyncGenerator<Uint8Array, void, undefined>;

const COPY_BYTES = 1024 * 1024;

export async function* directoryEntry(name: string): Pieces {
  yield header(`${name}/`, "dir", 0);
}

export async function* bytesEntry(name: string, bytes: Uint8Array): Pieces {
  yield header(name, "file", bytes.length);
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.length));
}

/** Of a blob in the store; or of what `content` gives, which must be the blob that has this digest. */
export interface BlobContent {
  readonly digest: Digest;
  readonly size: number;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** A blob, verified on its way: `store/damaged`. */
export async function* blobEntry(name: string, { digest, size, content }: BlobContent): Pieces {
  yield header(name, "file", size);
  const hash = createHash("sha256");
  let done = 0;
  for await (const piece of content()) {
    hash.update(piece);
    done += piece.length;
    yield piece;
  }
  if (done !== size || `sha256:${hash.digest("hex")}` !== digest) {
    throw new BuildError("store/damaged", `blob ${digest} in the store is damaged`, {
      hint: "tsbuild verify lists what is damaged; pull or build the image again.",
    });
  }
  yield Buffer.alloc(paddingOf(size));
}

export async function* archiveEnd(): Pieces {
  yield Buffer.alloc(2 * BLOCK);
}

/** A file through one buffer by synchronous reads: three times as fast as a stream. */
export async function* piecesOfFile(path: string): Pieces {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  const fd = openSync(path, "r");
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer))
      yield buffer.subarray(0, count);
  } finally {
    closeSync(fd);
  }
}

/** Owners and times mean nothing in an outer archive: they are the same everywhere, so that equal images are equal archives. */
function header(name: string, type: "file" | "dir", size: number): Buffer {
  const mode = type === "dir" ? 0o755 : 0o644;
  return encodeHeader({ name, type, mode, uid: 0, gid: 0, size, mtimeSeconds: 0, mtimeNanos: 0 });
}
