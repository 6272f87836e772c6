import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { type Digest, requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { BlobStore, BlobWriter } from "../core/ports.ts";
import { uniqueName, withParent } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { BlobFileWriter, type PendingBlob } from "./blob-writer.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StoreParts } from "./store-parts.ts";

const WHOLE_BYTES = 64 * 1024 * 1024;
/** An existing blob up to this size is read again before new bytes for it are thrown away: so damage heals. */
const RECHECK_BYTES = 4 * 1024 * 1024;

/**
 * Blobs in two folders: `blobs/` for what images refer to (other programs read it as an OCI layout), `cache/blobs/` for what
 * the cache alone knows. Both are searched, image blobs first; the place given decides where new ones go.
 */
export class BlobDirectory implements BlobStore {
  readonly #parts: StoreParts;
  readonly #place: "image" | "cache";

  constructor(parts: StoreParts, place: "image" | "cache") {
    this.#parts = parts;
    this.#place = place;
  }

  has(digest: Digest): boolean {
    return this.sizeOf(digest) !== undefined;
  }

  sizeOf(digest: Digest): number | undefined {
    return sizeAt(this.#imagePath(digest)) ?? sizeAt(this.#cachePath(digest));
  }

  pathOf(digest: Digest): string {
    const [path, other] = this.#place === "image" ? this.#both(digest) : this.#both(digest).toReversed();
    if (path === undefined || other === undefined) throw new Error("unreachable");
    return sizeAt(path) === undefined && sizeAt(other) !== undefined ? other : path;
  }

  /** As the port says; where one of two copies is damaged the other one serves. */
  readWhole(digest: Digest): Buffer | undefined {
    let damaged: string | undefined;
    for (const path of this.#both(digest)) {
      const size = sizeAt(path);
      if (size === undefined) continue;
      if (size > WHOLE_BYTES)
        throw new BuildError("store/damaged", `blob ${digest} is too large to be read whole`);
      const bytes = readIfThere(path);
      if (bytes !== undefined && digestOf(bytes) === digest) return bytes;
      damaged = path;
    }
    if (damaged === undefined) return undefined;
    throw new BuildError("store/damaged", `blob ${digest} is damaged: ${damaged}`, {
      hint: "tsbuild verify lists what is damaged; pull or build again to replace it.",
    });
  }

  openWriter(): BlobWriter {
    const { paths, leases } = this.#parts;
    return new BlobFileWriter(paths, leases.open("write"), (blob) => this.#finish(blob));
  }

  /** A whole blob at once. */
  write(bytes: Uint8Array): { readonly digest: Digest; readonly size: number } {
    using writer = this.openWriter();
    writer.write(bytes);
    return writer.commit();
  }

  /**
   * Keeps a blob while the lease in hand lives: call it before relying on one that was here already. False where it is not
   * here (any more).
   */
  claim(digest: Digest): boolean {
    const paths = this.#both(digest);
    return this.#parts.claims.claim(paths).length < paths.length;
  }

  /** Gives a blob of the cache a name among the image blobs too, so that a collector of either place harms only its own. */
  promote(digest: Digest): boolean {
    const { claims, paths } = this.#parts;
    const image = this.#imagePath(digest);
    if (claims.claimOne(image)) return true;
    const cached = this.#cachePath(digest);
    if (!claims.claimOne(cached)) return false;
    guardDisk(paths, () => withParent(image, () => this.#linkOrCopy(cached, image)));
    return true;
  }

  /** The other way round: for what an image needs and index.json does not show, which a foreign collector would remove. */
  shelter(digest: Digest): void {
    const { paths } = this.#parts;
    const cached = this.#cachePath(digest);
    if (sizeAt(cached) !== undefined || !this.#parts.claims.claimOne(this.#imagePath(digest))) return;
    guardDisk(paths, () => withParent(cached, () => this.#linkOrCopy(this.#imagePath(digest), cached)));
  }

  /**
   * For readers that found wrong bytes: removes what does not have the digest, so that the next build makes it again. Bytes
   * that are right stay. True where something was removed.
   */
  dropIfDamaged(digest: Digest): boolean {
    let dropped = false;
    for (const path of this.#both(digest)) {
      if (sizeAt(path) === undefined || digestOfFile(path) === digest) continue;
      rmSync(path, { force: true });
      dropped = true;
    }
    return dropped;
  }

  #finish(blob: PendingBlob): void {
    const path = this.#place === "image" ? this.#imagePath(blob.digest) : this.#cachePath(blob.digest);
    if (this.#reuse(path, blob)) return;
    if (
      this.#place === "image" &&
      this.#isGood(this.#cachePath(blob.digest), blob) &&
      this.promote(blob.digest)
    )
      return;
    blob.store((temp) => withParent(path, () => renameSync(temp, path)));
  }

  #reuse(path: string, blob: PendingBlob): boolean {
    return this.#isGood(path, blob) && this.#parts.claims.claimOne(path);
  }

  #isGood(path: string, blob: PendingBlob): boolean {
    if (sizeAt(path) !== blob.size) return false;
    if (blob.size > RECHECK_BYTES) return true;
    const bytes = readIfThere(path);
    return bytes !== undefined && digestOf(bytes) === blob.digest;
  }

  #linkOrCopy(from: string, to: string): void {
    try {
      linkSync(from, to);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EEXIST") return;
      if (code === "ENOENT") throw error;
      // No hard links here, or too many of them.
      using lease = this.#parts.leases.open("write");
      const temp = join(lease.dir, uniqueName());
      copyFileSync(from, temp);
      syncFile(temp);
      renameSync(temp, to);
    }
  }

  #both(digest: Digest): readonly [string, string] {
    return [this.#imagePath(digest), this.#cachePath(digest)];
  }

  #imagePath(digest: Digest): string {
    return this.#parts.paths.imageBlob(digest);
  }

  #cachePath(digest: Digest): string {
    return this.#parts.paths.cacheBlob(digest);
  }
}

export function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

/** sha256 of a file's bytes, read in pieces of 1 MiB. */
export function digestOfFile(path: string): Digest {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const fd = openSync(path, "r");
  try {
    for (;;) {
      const count = readSync(fd, buffer);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
  return requireDigest(`sha256:${hash.digest("hex")}`);
}

function syncFile(path: string): void {
  const fd = openSync(path, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function sizeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
