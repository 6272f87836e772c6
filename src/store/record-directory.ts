import { hash } from "node:crypto";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { CacheKeyId } from "../core/cache-key.ts";
import type { CacheIndex, CacheRecord } from "../core/ports.ts";
import { writeFileAtomic, writeFileOnce } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { guardDisk } from "./disk-errors.ts";
import { readSealed, seal } from "./sealed-json.ts";
import { isCount, isDigestText, isListOf, isObject, isText } from "./shapes.ts";
import type { StoreParts } from "./store-parts.ts";

const TOUCH_EVERY_MS = 60 * 60 * 1000;

/** A record with what the file system says of it. */
export interface RecordEntry {
  readonly record: CacheRecord;
  readonly path: string;
  /** Exact to an hour. */
  readonly lastUsedMs: number;
  readonly sizeBytes: number;
}

/** Cache records, a file a key: `cache/records/<2 digits>/<key id>.json`; its mtime is when it was last used. */
export class RecordDirectory implements CacheIndex {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  get(id: CacheKeyId): CacheRecord | undefined {
    const path = this.#parts.paths.record(id);
    const file = readSealed(path, isRecord);
    if (file.state === "good" && file.value.key.id === id) return file.value;
    if (file.state !== "absent") this.#parts.warn(`cache record ${path} is damaged; its step runs again`);
    return undefined;
  }

  put(record: CacheRecord, replace: boolean): CacheRecord {
    const { paths, leases } = this.#parts;
    const path = paths.record(record.key.id);
    using lease = leases.open("write");
    const text = seal(record);
    const how = { tempDir: lease.dir, sync: true };
    return guardDisk(paths, () => {
      if (!replace) {
        if (writeFileOnce(path, text, how)) return this.#announced(record);
        const standing = this.get(record.key.id);
        if (standing !== undefined) return standing;
      }
      writeFileAtomic(path, text, how);
      return this.#announced(record);
    });
  }

  touch(id: CacheKeyId): void {
    const path = this.#parts.paths.record(id);
    const stat = statSync(path, { throwIfNoEntry: false });
    const nowMs = this.#parts.clock.nowMs();
    if (stat === undefined || nowMs - stat.mtimeMs < TOUCH_EVERY_MS) return;
    try {
      utimesSync(path, nowMs / 1000, nowMs / 1000);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  /** The record last noted for this place in a Dockerfile: what a miss is compared with. */
  latestFor(about: Pick<CacheRecord["about"], "dockerfile" | "stage" | "ordinal">): CacheRecord | undefined {
    const file = readSealed(this.#latestPath(about), isLatest);
    return file.state === "good" ? this.get(file.value.id) : undefined;
  }

  /** Notes that a place in a Dockerfile now has this key: after a hit too. No write where it is noted already. */
  noteLatest(about: Pick<CacheRecord["about"], "dockerfile" | "stage" | "ordinal">, id: CacheKeyId): void {
    const path = this.#latestPath(about);
    const file = readSealed(path, isLatest);
    if (file.state === "good" && file.value.id === id) return;
    using lease = this.#parts.leases.open("write");
    guardDisk(this.#parts.paths, () =>
      writeFileAtomic(path, seal({ id }), { tempDir: lease.dir, sync: false }),
    );
  }

  /** All records that can be read. `onDamaged` is told of the others. */
  *entries(onDamaged: (path: string) => void = () => {}): Generator<RecordEntry> {
    const root = this.#parts.paths.records;
    for (const folder of namesIn(root)) {
      for (const name of namesIn(join(root, folder))) {
        const path = join(root, folder, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        const file = readSealed(path, isRecord);
        if (file.state === "damaged") onDamaged(path);
        if (file.state !== "good" || stat === undefined) continue;
        yield { record: file.value, path, lastUsedMs: stat.mtimeMs, sizeBytes: stat.size };
      }
    }
  }

  /** False where a file of `cache/latest` points to a record that is gone, or nowhere. */
  isLatestAlive(path: string): boolean {
    const file = readSealed(path, isLatest);
    return file.state === "good" && existsSync(this.#parts.paths.record(file.value.id));
  }

  #announced(record: CacheRecord): CacheRecord {
    this.noteLatest(record.about, record.key.id);
    return record;
  }

  #latestPath(about: Pick<CacheRecord["about"], "dockerfile" | "stage" | "ordinal">): string {
    const place = JSON.stringify([about.dockerfile, about.stage, about.ordinal]);
    return join(this.#parts.paths.latest, `${hash("sha256", place).slice(0, 32)}.json`);
  }
}

/** Names in a folder; none where there is no such folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

function isLatest(value: unknown): value is { readonly id: CacheKeyId } {
  return isObject(value) && isText(value["id"]) && value["id"].length > 2;
}

function isRecord(value: unknown): value is CacheRecord {
  if (!isObject(value) || !isCount(value["schema"])) return false;
  const { key, layer, content, created, tookMs, about } = value;
  return (
    isObject(key) &&
    isText(key["id"]) &&
    isText(key["model"]) &&
    isListOf(key["inputs"], isKeyInput) &&
    (layer === null || (isObject(layer) && isDigestText(layer["diffId"]) && isCount(layer["size"]))) &&
    isDigestText(content) &&
    isText(created) &&
    isCount(tookMs) &&
    isObject(about)
  );
}

function isKeyInput(value: unknown): value is { readonly kind: string } {
  return isObject(value) && isText(value["kind"]) && isText(value["subject"]) && isText(value["value"]);
}
