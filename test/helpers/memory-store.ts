import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CacheKeyId } from "../../src/core/cache-key.ts";
import { type Digest, hexOf, requireDigest } from "../../src/core/digest.ts";
import { BuildError } from "../../src/core/errors.ts";
import type { BlobStore, BlobWriter, CacheIndex, CacheRecord } from "../../src/core/ports.ts";

/** Blobs in a map. `pathOf` writes one to a folder that goes with the store. */
export class MemoryBlobStore implements BlobStore, Disposable {
  readonly blobs = new Map<Digest, Buffer>();
  #dir: string | undefined;

  has(digest: Digest): boolean {
    return this.blobs.has(digest);
  }

  sizeOf(digest: Digest): number | undefined {
    return this.blobs.get(digest)?.length;
  }

  openWriter(): BlobWriter {
    const chunks: Buffer[] = [];
    let open = true;
    return {
      get bytesWritten() {
        return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      },
      write: (bytes) => {
        if (!open) throw new Error("write after the end of a blob");
        chunks.push(Buffer.from(bytes));
      },
      commit: (expected) => {
        if (!open) throw new Error("a blob is committed once");
        open = false;
        const bytes = Buffer.concat(chunks);
        const digest = digestOf(bytes);
        if (expected !== undefined && digest !== expected) {
          throw new BuildError("store/digest-mismatch", `expected ${expected}, received ${digest}`);
        }
        this.blobs.set(digest, bytes);
        return { digest, size: bytes.length };
      },
      [Symbol.dispose]: () => {
        open = false;
      },
    };
  }

  readWhole(digest: Digest): Buffer | undefined {
    const bytes = this.blobs.get(digest);
    if (bytes !== undefined && digestOf(bytes) !== digest)
      throw new BuildError("store/damaged", `blob ${digest}`);
    return bytes;
  }

  pathOf(digest: Digest): string {
    this.#dir ??= mkdtempSync(join(tmpdir(), "tsbuild-memory-"));
    const path = join(this.#dir, hexOf(digest));
    const bytes = this.blobs.get(digest);
    if (bytes !== undefined) writeFileSync(path, bytes);
    return path;
  }

  [Symbol.dispose](): void {
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Records in a map; `touched` counts the calls. */
export class MemoryCacheIndex implements CacheIndex {
  readonly records = new Map<CacheKeyId, CacheRecord>();
  readonly touched: CacheKeyId[] = [];

  get(id: CacheKeyId): CacheRecord | undefined {
    return this.records.get(id);
  }

  put(record: CacheRecord, replace: boolean): CacheRecord {
    const standing = this.records.get(record.key.id);
    if (standing !== undefined && !replace) return standing;
    this.records.set(record.key.id, record);
    return record;
  }

  touch(id: CacheKeyId): void {
    this.touched.push(id);
  }
}

function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}
