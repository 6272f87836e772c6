import { createHash } from "node:crypto";
import { requireDigest } from "../../src/core/digest.ts";
import { BuildError } from "../../src/core/errors.ts";
import type { BlobWriter } from "../../src/core/ports.ts";

/** A blob writer that keeps the bytes in memory and remembers whether it was committed. */
export function memoryWriter(): BlobWriter & { bytes(): Buffer; readonly committed: boolean } {
  const chunks: Buffer[] = [];
  const state = { committed: false, bytesWritten: 0 };
  return {
    write: (bytes) => {
      // The caller fills its buffer anew.
      chunks.push(Buffer.from(bytes));
      state.bytesWritten += bytes.length;
    },
    get bytesWritten() {
      return state.bytesWritten;
    },
    get committed() {
      return state.committed;
    },
    commit: (expected) => {
      const whole = Buffer.concat(chunks);
      const digest = requireDigest(`sha256:${createHash("sha256").update(whole).digest("hex")}`);
      if (expected !== undefined && expected !== digest)
        throw new BuildError("store/digest-mismatch", "not the bytes");
      state.committed = true;
      return { digest, size: whole.length };
    },
    bytes: () => Buffer.concat(chunks),
    [Symbol.dispose]: () => undefined,
  };
}
