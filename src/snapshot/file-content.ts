import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { type Digest, requireDigest } from "../core/digest.ts";

const CHUNK_BYTES = 1024 * 1024;
let shared: Buffer | undefined;

/** Bytes of a file on disk, in pieces of a buffer that the next piece overwrites. A symlink in the last place is refused. */
export function* readFileBytes(path: Buffer): Iterable<Uint8Array> {
  const buffer = shared ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  shared = undefined;
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      yield buffer.subarray(0, read);
  } finally {
    closeSync(file);
    shared = buffer;
  }
}

export function hashFile(path: Buffer): Digest {
  const hash = createHash("sha256");
  for (const piece of readFileBytes(path)) hash.update(piece);
  return requireDigest(`sha256:${hash.digest("hex")}`);
}
