import { createHash, hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import type { Clock } from "../core/ports.ts";
import { changedError, diskError, errnoOf, isMissing } from "./disk-error.ts";
import { FLAG, KIND } from "./node-table.ts";
import { CACHED } from "./stat-cache-file.ts";
import type { ContextWalk } from "./walk.ts";

/** A file changed within this time of its hashing may change again without its ctime moving: clocks tick coarsely (FAT: 2 s). */
const SETTLE_MS = 2_000;
const ATTEMPTS = 3;
const PIECE_BYTES = 1 << 20;
/** Small files just hashed are kept for the packer that comes next: at most this much, none larger than KEPT_FILE_BYTES. */
const KEPT_BYTES = 32 << 20;
const KEPT_FILE_BYTES = 64 << 10;
/** Never blocks on a fifo put in a file's place, never follows a symlink put there. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** sha256 of file contents and symlink targets: from the stat cache where the entry has not moved, else by reading. */
export class ContentDigests {
  /** True once something was learnt that the stat cache does not have. */
  learnt = false;
  readonly #walk: ContextWalk;
  readonly #clock: Clock;
  readonly #kept = new Map<number, Buffer>();
  #keptBytes = 0;

  constructor(walk: ContextWalk, clock: Clock) {
    this.#walk = walk;
    this.#clock = clock;
  }

  /** 32 bytes for a regular file or symlink. Throws `context/unreadable` and `context/changed`. */
  of(node: number): Uint8Array {
    const { table, cache } = this.#walk;
    const row = table.cached[node] ?? -1;
    if (table.hasFlag(node, FLAG.fromCache)) return cache.digest(row) ?? new Uint8Array(32);
    const known = table.digest(node);
    if (known !== undefined) return known;
    const remembered = row < 0 ? undefined : cache.digest(row);
    if (remembered !== undefined && cache.hasFlag(row, CACHED.settled) && cache.isUnmoved(row, table, node)) {
      table.setFlag(node, FLAG.fromCache);
      return remembered;
    }
    const startedMs = this.#clock.nowMs();
    const digest = table.kinds[node] === KIND.file ? this.#hashFile(node) : this.#hashTarget(node);
    const isSettled = startedMs - (table.ctimes[node] ?? 0) > SETTLE_MS;
    table.setDigest(node, digest);
    table.setFlag(node, isSettled ? FLAG.settled : FLAG.unsettled);
    // The same digest of the same unsettled file is no news: it would be written again at every build until it settles.
    const isNews = isSettled || remembered === undefined || !cache.isUnmoved(row, table, node);
    if (isNews || !digest.equals(remembered)) this.learnt = true;
    return digest;
  }

  /** Bytes of a regular file, in pieces of at most 1 MiB. The caller compares them with the digest it knows. */
  *read(node: number): Iterable<Uint8Array> {
    const kept = this.#kept.get(node);
    if (kept !== undefined) {
      this.#kept.delete(node);
      this.#keptBytes -= kept.length;
      if (kept.length > 0) yield kept;
      return;
    }
    const descriptor = this.#open(node);
    try {
      this.#requireFile(node, descriptor);
      yield* pieces(descriptor, Math.min(PIECE_BYTES, (this.#walk.table.sizes[node] ?? 0) + 1));
    } catch (error) {
      throw this.#explain(error, node);
    } finally {
      closeSync(descriptor);
    }
  }

  #hashTarget(node: number): Buffer {
    try {
      const target = readlinkSync(this.#walk.diskPath(node), { encoding: "buffer" });
      return hash("sha256", target, "buffer");
    } catch (error) {
      throw this.#explain(error, node);
    }
  }

  /** Reads until what was read is what the table says the file is: a stat after the last byte must agree with it. */
  #hashFile(node: number): Buffer {
    const { table } = this.#walk;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const descriptor = this.#open(node);
      try {
        const read = hashDescriptor(descriptor, table.sizes[node] ?? 0);
        const stats = fstatSync(descriptor);
        if (table.hasStats(node, stats)) {
          this.#keep(node, read.content);
          return read.digest;
        }
        if (!stats.isFile()) break;
        table.setStats(node, stats);
      } catch (error) {
        throw this.#explain(error, node);
      } finally {
        closeSync(descriptor);
      }
    }
    throw changedError(table.path(node));
  }

  #keep(node: number, content: Buffer | undefined): void {
    if (content === undefined || this.#keptBytes + content.length > KEPT_BYTES) return;
    this.#kept.set(node, content);
    this.#keptBytes += content.length;
  }

  #open(node: number): number {
    try {
      return openSync(this.#walk.diskPath(node), OPEN_FLAGS);
    } catch (error) {
      throw this.#explain(error, node);
    }
  }

  #requireFile(node: number, descriptor: number): void {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw changedError(this.#walk.table.path(node));
  }

  #explain(error: unknown, node: number): unknown {
    const code = errnoOf(error);
    if (code === "") return error;
    const path = this.#walk.table.path(node);
    // Another kind of entry stands there now.
    const isReplaced = isMissing(error) || code === "ELOOP" || code === "EINVAL" || code === "ENXIO";
    return isReplaced ? changedError(path, error) : diskError(error, path);
  }
}

/** `content` where the file is small enough to keep. */
function hashDescriptor(descriptor: number, size: number): { digest: Buffer; content?: Buffer } {
  if (size > KEPT_FILE_BYTES) {
    const whole = createHash("sha256");
    for (const piece of pieces(descriptor, Math.min(PIECE_BYTES, size + 1))) whole.update(piece);
    return { digest: whole.digest() };
  }
  // One byte more than it should have: a longer file shows itself, and the stat that follows tells.
  const buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (let count = -1; count !== 0 && length < size; length += count) {
    count = readSync(descriptor, buffer, length, buffer.length - length, null);
  }
  const content = buffer.subarray(0, length);
  return { digest: hash("sha256", content, "buffer"), content };
}

function* pieces(descriptor: number, bytes: number): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.max(1, bytes));
  for (;;) {
    const count = readSync(descriptor, buffer, 0, buffer.length, null);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}
