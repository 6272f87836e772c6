import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import type * as Zlib from "node:zlib";
import type { Digest } from "../core/digest.ts";
import type { Listing } from "../core/file-tree.ts";
import { decodeListing, encodeListing } from "../core/listing.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { digestOf } from "./blob-directory.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StoreParts } from "./store-parts.ts";

const TOUCH_EVERY_MS = 60 * 60 * 1000;

/**
 * Listings of the folders that steps were keyed by, compressed, a file a digest. They serve `explain` alone: a lost one makes
 * an explanation less exact and nothing else, so they are neither synced nor claimed.
 */
export class ListingDirectory {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** `digest` is that of the listing's canonical text (encodeListing). Written once. */
  put(digest: Digest, listing: Listing): void {
    const { paths, leases, clock } = this.#parts;
    const path = paths.listing(digest);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) {
      const nowMs = clock.nowMs();
      if (nowMs - stat.mtimeMs > TOUCH_EVERY_MS) touchIfThere(path, nowMs / 1000);
      return;
    }
    using lease = leases.open("write");
    const bytes = zlib().deflateRawSync(encodeListing(listing), { level: 1 });
    guardDisk(paths, () => writeFileAtomic(path, bytes, { tempDir: lease.dir, sync: false }));
  }

  has(digest: Digest): boolean {
    return existsSync(this.#parts.paths.listing(digest));
  }

  /** Undefined where it is not here or damaged. */
  get(digest: Digest): Listing | undefined {
    const path = this.#parts.paths.listing(digest);
    try {
      const text = zlib().inflateRawSync(readFileSync(path));
      if (digestOf(text) === digest) return decodeListing(text.toString("utf8"));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
    }
    this.#parts.warn(`listing ${path} is damaged; it is treated as missing`);
    return undefined;
  }
}

/** Loaded when a listing is written or read: a cached build does neither, and loading costs a millisecond or more. */
function zlib(): typeof Zlib {
  return process.getBuiltinModule("node:zlib");
}

function touchIfThere(path: string, seconds: number): void {
  try {
    utimesSync(path, seconds, seconds);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
