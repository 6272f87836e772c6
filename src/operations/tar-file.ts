import { closeSync, openSync, writeSync } from "node:fs";
import type { BlobWriter } from "../core/ports.ts";
import { digestOf } from "../image/encode.ts";

/** A tar on its way to somebody else: written to a file of the lease first, so that a slow reader holds up nothing. */
export function openTarFile(path: string): BlobWriter {
  const file = openSync(path, "wx", 0o600);
  let size = 0;
  return {
    write: (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      size += bytes.length;
    },
    get bytesWritten() {
      return size;
    },
    // Nobody asks for the digest of a file that is only passed on.
    commit: () => ({ digest: digestOf(Buffer.alloc(0)), size }),
    [Symbol.dispose]: () => closeSync(file),
  };
}
