import type { MerkleTree } from "./merkle-tree.ts";
import { FLAG, type NodeTable } from "./node-table.ts";
import type { StatCache } from "./stat-cache.ts";
import { CACHED, type EntryRecord, NO_LISTING, type StatColumns } from "./stat-cache-file.ts";
import type { ContextWalk } from "./walk.ts";

/** Where the entries of a directory of the new file come from: the walk, the old file, or nowhere. */
type Source = { readonly node: number } | { readonly cachedDir: number } | undefined;

/**
 * The stat cache of the next build: what this walk saw, and for what it did not look at (directories no step copies, ignored
 * names) what the old file said.
 */
export function collectColumns(walk: ContextWalk, merkle: MerkleTree): StatColumns {
  return new Collector(walk, merkle).collect();
}

class Collector {
  readonly #walk: ContextWalk;
  readonly #table: NodeTable;
  readonly #cache: StatCache;
  readonly #merkle: MerkleTree;
  readonly #records: EntryRecord[] = [];
  readonly #queue: Source[] = [{ node: 0 }];
  readonly #firsts: number[] = [];
  readonly #counts: number[] = [];
  readonly #listed: number[] = [];
  readonly #listings: (Uint8Array | undefined)[] = [];

  constructor(walk: ContextWalk, merkle: MerkleTree) {
    this.#walk = walk;
    this.#table = walk.table;
    this.#cache = walk.cache;
    this.#merkle = merkle;
  }

  collect(): StatColumns {
    for (let dir = 0; dir < this.#queue.length; dir++) {
      const source = this.#queue[dir];
      this.#firsts.push(this.#records.length);
      if (source !== undefined && "node" in source) this.#addWalked(source.node);
      else this.#addCached(source?.cachedDir ?? -1);
      this.#counts.push(this.#records.length - (this.#firsts[dir] ?? 0));
    }
    return this.#toColumns();
  }

  #addCached(cachedDir: number): void {
    const { first, end } = this.#cache.range(cachedDir);
    for (let row = first; row < end; row++) this.#carry(row);
    this.#addListing(this.#cache.listedCount(cachedDir), this.#cache.listing(cachedDir));
  }

  /** An old row as it was; its directory, if it is one, as the old file has it. */
  #carry(row: number, unlisted = false): void {
    const record = this.#cache.record(row);
    const dir = this.#cache.dirOf(row);
    this.#records.push({
      ...record,
      flags: unlisted ? record.flags & ~CACHED.listed : record.flags,
      dir: dir < 0 ? -1 : this.#enqueue({ cachedDir: dir }),
    });
  }

  #addWalked(dir: number): void {
    const isListed = this.#merkle.isSettled(dir);
    const entries = [
      ...Array.from(this.#walk.children(dir), (node) => ({ node, name: this.#table.names[node] ?? "" })),
      ...this.#walk.carried(dir).map((row) => ({ row, name: this.#cache.record(row).name })),
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    let listed = 0;
    for (const entry of entries) {
      if ("row" in entry) {
        this.#carry(entry.row, isListed);
        continue;
      }
      listed += 1;
      if (isListed) this.#addListed(entry.node);
      else this.#addSeen(entry.node);
    }
    const cachedDir = this.#walk.cachedDir(dir);
    if (isListed) this.#addListing(listed, this.#table.digest(dir));
    else this.#addListing(this.#cache.listedCount(cachedDir), this.#cache.listing(cachedDir));
  }

  /** A row of a listing made in this build: everything about it is known. */
  #addListed(node: number): void {
    const row = this.#table.cached[node] ?? -1;
    const isFromCache = this.#table.hasFlag(node, FLAG.fromCache);
    const isSettled = isFromCache || this.#table.hasFlag(node, FLAG.settled);
    const digest = isFromCache ? this.#cache.digest(row) : this.#table.digest(node);
    this.#records.push(this.#record(node, digest, CACHED.listed | (isSettled ? CACHED.settled : 0)));
  }

  /**
   * An entry of a directory that was opened, but not listed. Unless it was hashed, what the old file says of it stands: a
   * mere look must not make an old digest or listing seem to be about what is there now. Where hashing found something
   * else, the row is no longer one of the old listing, which then fits no more.
   */
  #addSeen(node: number): void {
    const row = this.#table.cached[node] ?? -1;
    const isSettled = this.#table.hasFlag(node, FLAG.settled);
    if (isSettled || this.#table.hasFlag(node, FLAG.unsettled)) {
      const digest = this.#table.digest(node);
      const before = row < 0 ? undefined : this.#cache.digest(row);
      const isSame = before !== undefined && digest?.equals(before) === true;
      const fits = isSame && this.#cache.hasSameFacts(row, this.#table, node);
      const isListed = fits && this.#cache.hasFlag(row, CACHED.listed);
      this.#records.push(
        this.#record(node, digest, (isSettled ? CACHED.settled : 0) | (isListed ? CACHED.listed : 0)),
      );
    } else if (row < 0) this.#records.push(this.#record(node, undefined, 0));
    else this.#records.push({ ...this.#cache.record(row), dir: this.#dirOf(node) });
  }

  #record(node: number, digest: Uint8Array | undefined, flags: number): EntryRecord {
    const table = this.#table;
    return {
      name: table.names[node] ?? "",
      kind: table.kinds[node] ?? 0,
      mode: table.modes[node] ?? 0,
      size: table.sizes[node] ?? 0,
      mtimeMs: table.mtimes[node] ?? 0,
      ctimeMs: table.ctimes[node] ?? 0,
      ino: table.inodes[node] ?? 0,
      dev: table.devices[node] ?? 0,
      flags: flags | (digest === undefined ? 0 : CACHED.hasDigest),
      dir: this.#dirOf(node),
      digest,
    };
  }

  #dirOf(node: number): number {
    if (!this.#table.isDir(node)) return -1;
    if (this.#walk.isOpen(node)) return this.#enqueue({ node });
    const cachedDir = this.#walk.cachedDir(node);
    return cachedDir < 0 ? -1 : this.#enqueue({ cachedDir });
  }

  #enqueue(source: Source): number {
    this.#queue.push(source);
    return this.#queue.length - 1;
  }

  #addListing(listed: number | undefined, listing: Uint8Array | undefined): void {
    const isKept = listed !== undefined && listing !== undefined;
    this.#listed.push(isKept ? listed : NO_LISTING);
    this.#listings.push(isKept ? listing : undefined);
  }

  #toColumns(): StatColumns {
    const records = this.#records;
    const columns = emptyColumns(
      records.length,
      this.#queue.length,
      records.map((record) => record.name).join(""),
    );
    let nameEnd = 0;
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      nameEnd += record.name.length;
      columns.nameEnds[i] = nameEnd;
      columns.dirs[i] = record.dir;
      columns.modes[i] = record.mode;
      columns.kinds[i] = record.kind;
      columns.flags[i] = record.flags;
      columns.sizes[i] = record.size;
      columns.mtimes[i] = record.mtimeMs;
      columns.ctimes[i] = record.ctimeMs;
      columns.inodes[i] = record.ino;
      columns.devices[i] = record.dev;
      if (record.digest !== undefined) columns.digests.set(record.digest, i * 32);
    }
    columns.dirFirsts.set(this.#firsts);
    columns.dirCounts.set(this.#counts);
    columns.dirListed.set(this.#listed);
    for (const [i, listing] of this.#listings.entries()) {
      if (listing !== undefined) columns.dirListings.set(listing, i * 32);
    }
    return columns;
  }
}

function emptyColumns(entries: number, dirs: number, names: string): StatColumns {
  return {
    dirFirsts: new Uint32Array(dirs),
    dirCounts: new Uint32Array(dirs),
    dirListed: new Uint32Array(dirs),
    dirListings: new Uint8Array(dirs * 32),
    nameEnds: new Uint32Array(entries),
    dirs: new Int32Array(entries),
    modes: new Uint16Array(entries),
    kinds: new Uint8Array(entries),
    flags: new Uint8Array(entries),
    sizes: new Float64Array(entries),
    mtimes: new Float64Array(entries),
    ctimes: new Float64Array(entries),
    inodes: new Float64Array(entries),
    devices: new Float64Array(entries),
    digests: new Uint8Array(entries * 32),
    names: Buffer.from(names, "latin1"),
  };
}
