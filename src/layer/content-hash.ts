import { createHash, hash } from "node:crypto";
import { type Digest, requireDigest } from "../core/digest.ts";

const ZEROS = Buffer.alloc(64 * 1024);

/** sha256 of a file that comes in pieces, holes (which hash as zeros) between them. */
export class ContentHash {
  readonly #size: number;
  /** Bytes of the expanded file that are hashed. */
  #done = 0;
  #whole: string | undefined;
  #streamed: ReturnType<typeof createHash> | undefined;

  /** `size` of the expanded file: one that comes in one piece is hashed in one call. */
  constructor(size: number) {
    this.#size = size;
  }

  add(bytes: Uint8Array, at: number): void {
    if (bytes.length === this.#size) {
      this.#whole = hash("sha256", bytes);
    } else {
      this.#streamed ??= createHash("sha256");
      hashZeros(this.#streamed, at - this.#done);
      this.#streamed.update(bytes);
    }
    this.#done = at + bytes.length;
  }

  digest(): Digest {
    let hex = this.#whole;
    if (hex === undefined) {
      const streamed = this.#streamed ?? createHash("sha256");
      hashZeros(streamed, this.#size - this.#done);
      hex = streamed.digest("hex");
    }
    return requireDigest(`sha256:${hex}`);
  }
}

function hashZeros(target: ReturnType<typeof createHash>, count: number): void {
  for (let left = count; left > 0; left -= ZEROS.length) target.update(ZEROS.subarray(0, left));
}
