import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CacheMountName } from "../core/step.ts";
import { uniqueName, writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import { guardDisk } from "./disk-errors.ts";
import { namesIn } from "./record-directory.ts";
import type { StoreParts } from "./store-parts.ts";
import { bytesBelow, type Sweep } from "./sweep.ts";

const LOOK_AGAIN_MS = 50;

/** One directory of a cache mount on disk. */
export interface CacheMountEntry {
  readonly id: string;
  /** 0, or more where `sharing=private` needed further ones. */
  readonly slot: number;
  readonly path: string;
  readonly lastUsedMs: number;
  readonly sizeBytes: number;
}

/** A command's hold on a cache mount's directory. */
export interface HeldCacheMount extends Disposable {
  readonly directory: string;
}

export interface CacheMountRequest extends CacheMountName {
  /** What a new one begins with, as text: another beginning is another cache. */
  readonly base: string;
  /** Fills the empty directory of a new one. */
  readonly fill: (directory: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Directories that outlive builds, for `RUN --mount=type=cache`: `cache/mounts/<20 digits>/`, the digits being the hash of the
 * id, so that no id is ever a path. `0/data` is the directory, `0.lock` its lock: held by who uses it, exclusively for
 * `locked` and `private`, for which `1/` and so on are made while all others are in use.
 */
export class CacheMountDirectory {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Waits, where `sharing` says so, until others let go. */
  async take(request: CacheMountRequest): Promise<HeldCacheMount> {
    const folder = this.#folder(request);
    using lease = this.#parts.leases.open("write");
    guardDisk(this.#parts.paths, () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const facts = join(folder, "mount.json");
      if (!existsSync(facts))
        writeFileAtomic(facts, JSON.stringify({ schema: 1, id: request.id }), {
          tempDir: lease.dir,
          sync: false,
        });
    });
    const { slot, lock } = await this.#lock(folder, request);
    try {
      const place = join(folder, String(slot));
      if (!existsSync(join(place, "data"))) await this.#make(place, lease.makeTemp(), request);
      utimesSync(place, new Date(), new Date());
      return { directory: join(place, "data"), [Symbol.dispose]: () => lock[Symbol.dispose]() };
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Every directory there is, the names in no order. */
  list(): readonly CacheMountEntry[] {
    const { cacheMounts } = this.#parts.paths;
    return namesIn(cacheMounts).flatMap((name) => {
      const folder = join(cacheMounts, name);
      const id = idOf(folder);
      return namesIn(folder)
        .filter((slot) => /^\d+$/.test(slot))
        .flatMap((slot) => {
          const path = join(folder, slot);
          const stat = statSync(path, { throwIfNoEntry: false });
          if (stat === undefined) return [];
          return [{ id, slot: Number(slot), path, lastUsedMs: stat.mtimeMs, sizeBytes: bytesBelow(path) }];
        });
    });
  }

  /** Removes those that nobody uses; gives those that are gone. Moved away under the lock, emptied after it. */
  remove(entries: readonly CacheMountEntry[], trashDir: string, sweep: Sweep): readonly CacheMountEntry[] {
    return entries.filter((entry) => {
      using lock = new LockFile(`${entry.path}.lock`);
      if (!lock.acquire("exclusive", 0)) return false;
      const away = join(trashDir, uniqueName());
      renameSync(entry.path, away);
      sweep.removeTree(away);
      return true;
    });
  }

  #folder({ id, base }: CacheMountRequest): string {
    const hash = createHash("sha256")
      .update(`${Buffer.byteLength(id)}:${id}${base}`)
      .digest("hex");
    return join(this.#parts.paths.cacheMounts, hash.slice(0, 20));
  }

  async #lock(folder: string, request: CacheMountRequest): Promise<{ slot: number; lock: LockFile }> {
    const mode = request.sharing === "shared" ? "shared" : "exclusive";
    for (let slot = 0; ; ) {
      request.signal.throwIfAborted();
      const lock = new LockFile(join(folder, `${slot}.lock`));
      if (guardDisk(this.#parts.paths, () => lock.acquire(mode, 0))) return { slot, lock };
      lock[Symbol.dispose]();
      if (request.sharing === "private") slot += 1;
      // Other steps of this very process may hold it: the thread must not block.
      else await sleep(LOOK_AGAIN_MS, undefined, { signal: request.signal });
    }
  }

  /** Filled elsewhere and renamed: a killed build leaves no half cache. Of two that share it, the first one's stays. */
  async #make(place: string, temp: string, { fill }: CacheMountRequest): Promise<void> {
    const data = join(temp, "data");
    guardDisk(this.#parts.paths, () => mkdirSync(data, { mode: 0o755 }));
    await fill(data);
    chmodSync(temp, 0o700);
    try {
      renameSync(temp, place);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
    }
  }
}

function idOf(folder: string): string {
  try {
    const facts: unknown = JSON.parse(readFileSync(join(folder, "mount.json"), "utf8"));
    return typeof facts === "object" && facts !== null && "id" in facts ? String(facts.id) : "?";
  } catch {
    return "?"; // damaged: it can still be pruned
  }
}
