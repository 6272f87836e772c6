import { hash } from "node:crypto";
import { lstatSync } from "node:fs";
import { type Digest, requireDigest } from "../core/digest.ts";
import type { Listing, ListingRow } from "../core/file-tree.ts";
import { encodeListing } from "../core/listing.ts";
import type { ContentDigests } from "./content-digests.ts";
import { InodeGroups } from "./inode-groups.ts";
import { FLAG, KIND, KIND_NAMES } from "./node-table.ts";
import { CACHED } from "./stat-cache-file.ts";
import type { ContextWalk } from "./walk.ts";

/** What hard links change in the listings below one root: the link of a row, and digests that differ for it. */
interface LinkedListings {
  readonly links: ReadonlyMap<number, string>;
  readonly digests: ReadonlyMap<number, Buffer>;
}

/**
 * Listings of directories and their digests, bottom-up. Where no row of a directory differs from what the stat cache says of
 * it, its digest is taken from there and nothing is encoded.
 */
export class MerkleTree {
  /** True once a listing was made that the stat cache does not have. */
  learnt = false;
  readonly groups: InodeGroups;
  readonly #walk: ContextWalk;
  readonly #contents: ContentDigests;
  readonly #linked = new Map<number, LinkedListings | undefined>();

  constructor(walk: ContextWalk, contents: ContentDigests) {
    this.#walk = walk;
    this.#contents = contents;
    this.groups = new InodeGroups(walk);
  }

  /** The digest of a directory's tree of listings, or of one row with an empty name for anything else. */
  digest(node: number): Digest {
    const { table } = this.#walk;
    if (!table.isDir(node)) return sha256Text(encodeListing({ rows: [this.#row(node, undefined, "")] }));
    this.#settle(node);
    const linked = this.#linkedBelow(node)?.digests.get(node);
    return toDigest(linked ?? requireBytes(table.digest(node)));
  }

  /** The rows behind `digest(root)` for a directory at or below `root`. */
  listing(dir: number, root: number): Listing {
    this.#settle(root);
    return this.#listing(dir, this.#linkedBelow(root));
  }

  /** True where the directory's digest has been made. */
  isSettled(dir: number): boolean {
    return this.#walk.table.digest(dir) !== undefined;
  }

  #settle(top: number): void {
    const { table } = this.#walk;
    if (this.isSettled(top)) return;
    for (const dir of this.#walk.subdirectories(top, (each) => !this.isSettled(each))) {
      if (!this.#walk.isPresent(dir)) continue;
      const stored = this.#storedListing(dir);
      if (stored !== undefined) {
        table.setDigest(dir, stored);
        continue;
      }
      this.learnt = true;
      table.setDigest(dir, hashText(encodeListing(this.#listing(dir, undefined))));
    }
  }

  /** The stat cache's digest of this directory's listing, if every row is what it was then and none came or went. */
  #storedListing(dir: number): Uint8Array | undefined {
    const { cache } = this.#walk;
    const cachedDir = this.#walk.cachedDir(dir);
    const listed = cachedDir < 0 ? undefined : cache.listedCount(cachedDir);
    let same = 0;
    let all = 0;
    // Every row is looked at, so that all digests are there whatever the outcome.
    for (const node of this.#walk.children(dir)) {
      all += 1;
      if (this.#isListedRow(node)) same += 1;
    }
    return same === all && same === listed ? cache.listing(cachedDir) : undefined;
  }

  #isListedRow(node: number): boolean {
    const { table, cache } = this.#walk;
    const row = table.cached[node] ?? -1;
    const digest = this.#contentOf(node);
    if (row < 0 || !cache.hasFlag(row, CACHED.listed) || !cache.hasSameFacts(row, table, node)) return false;
    if (table.hasFlag(node, FLAG.fromCache)) return true;
    const remembered = cache.digest(row);
    if (digest === undefined) return remembered === undefined && cache.isUnmoved(row, table, node);
    return remembered !== undefined && Buffer.compare(digest, remembered) === 0;
  }

  #contentOf(node: number): Uint8Array | undefined {
    const { table } = this.#walk;
    const kind = table.kinds[node];
    if (kind === KIND.file || kind === KIND.symlink) return this.#contents.of(node);
    return kind === KIND.dir ? table.digest(node) : undefined;
  }

  #listing(dir: number, linked: LinkedListings | undefined): Listing {
    const rows: ListingRow[] = [];
    for (const node of this.#walk.children(dir)) {
      rows.push(this.#row(node, linked, this.#walk.table.names[node] ?? ""));
    }
    return { rows };
  }

  #row(node: number, linked: LinkedListings | undefined, name: string): ListingRow {
    const { table } = this.#walk;
    const content = linked?.digests.get(node) ?? this.#contentOf(node);
    const kind = table.kinds[node] ?? KIND.socket;
    const link = linked?.links.get(node);
    return {
      name,
      type: KIND_NAMES[kind] ?? "socket",
      mode: kind === KIND.symlink ? 0o777 : (table.modes[node] ?? 0),
      // Docker gives every context file to root, so real owners are no part of what is copied.
      uid: 0,
      gid: 0,
      size: table.sizes[node] ?? 0,
      ...(content === undefined ? {} : { digest: toDigest(content) }),
      ...(kind === KIND.char || kind === KIND.block ? { device: this.#device(node) } : {}),
      ...(link === undefined ? {} : { link }),
    };
  }

  #device(node: number): string {
    const { major, minor } = splitDevice(lstatSync(this.#walk.diskPath(node)).rdev);
    return `${major}:${minor}`;
  }

  /** Listings that hard links among the files below `root` change; made once a root, nothing where there are none. */
  #linkedBelow(root: number): LinkedListings | undefined {
    if (this.#linked.has(root)) return this.#linked.get(root);
    const links = this.groups.linksBelow(root);
    const linked = links.size === 0 ? undefined : this.#relist(root, links);
    this.#linked.set(root, linked);
    return linked;
  }

  #relist(root: number, links: ReadonlyMap<number, string>): LinkedListings {
    const { table } = this.#walk;
    const affected = new Set<number>([root]);
    for (const node of links.keys()) {
      for (let dir = table.parents[node] ?? 0; !affected.has(dir); dir = table.parents[dir] ?? 0)
        affected.add(dir);
    }
    const digests = new Map<number, Buffer>();
    const linked = { links, digests };
    // A directory's row number is above its parent's.
    for (const dir of [...affected].toSorted((a, b) => b - a)) {
      digests.set(dir, hashText(encodeListing(this.#listing(dir, linked))));
    }
    return linked;
  }
}

/** Linux device numbers as Node gives them (glibc's makedev). */
export function splitDevice(rdev: number): { readonly major: number; readonly minor: number } {
  const low = rdev % 2 ** 32;
  const high = Math.floor(rdev / 2 ** 32);
  return {
    major: ((low >>> 8) & 0xfff) + (high & 0xfffff000),
    minor: (low & 0xff) + ((low >>> 12) & 0xfff00),
  };
}

function toDigest(bytes: Uint8Array): Digest {
  return requireDigest(
    `sha256:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`,
  );
}

function sha256Text(text: string): Digest {
  return toDigest(hashText(text));
}

/** Listings are byte strings: each character is a byte. */
function hashText(text: string): Buffer {
  return hash("sha256", Buffer.from(text, "latin1"), "buffer");
}

function requireBytes(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error("a directory without a listing");
  return bytes;
}
