import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "../host/remove-tree.ts";
import { isSortableId, newSortableId } from "../host/sortable-id.ts";
import { guardDisk } from "./disk-errors.ts";
import { namesIn } from "./record-directory.ts";
import { readSealed, seal } from "./sealed-json.ts";
import type { StoreParts } from "./store-parts.ts";

/** A step's log, complete: everything the command wrote. */
export interface StepLog extends Disposable {
  readonly path: string;
  write(bytes: Uint8Array): void;
  /** Newlines written so far. */
  readonly lines: number;
}

/** The record of a build that is running. */
export interface OpenBuild {
  readonly id: string;
  readonly dir: string;
  /** Appends to `<name>.log`; made with the first write. */
  openLog(name: string): StepLog;
  /** Writes `<name>.json`: `build`, `rows`, `keys`. A build counts as recorded once it has `build`. */
  write(name: string, value: unknown): void;
}

/** `builds/<id>/`: what was done and why, a folder a build. Ids sort by time. Kept for people: never synced, never claimed. */
export class BuildDirectory {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  create(): OpenBuild {
    const { paths, clock } = this.#parts;
    const id = newSortableId(clock.nowMs());
    const dir = join(paths.builds, id);
    guardDisk(paths, () => mkdirSync(dir, { recursive: true, mode: 0o700 }));
    return {
      id,
      dir,
      openLog: (name) => new LogFile(this.#parts, join(dir, `${name}.log`)),
      write: (name, value) => guardDisk(paths, () => writeFileSync(join(dir, `${name}.json`), seal(value))),
    };
  }

  /** Ids, the latest first: builds that ended before they were recorded too. */
  list(): readonly string[] {
    return namesIn(this.#parts.paths.builds).filter(isSortableId).toSorted().toReversed();
  }

  /** The latest build that was recorded. */
  latest(): string | undefined {
    return this.list().find((id) => this.#file(id, "build", isAnything).state === "good");
  }

  /** Undefined where it is not there, damaged, or not what `accepts` wants. */
  read<T>(id: string, name: string, accepts: (value: unknown) => value is T): T | undefined {
    const file = this.#file(id, name, accepts);
    if (file.state === "damaged")
      this.#parts.warn(`${name}.json of build ${id} is damaged; it is treated as missing`);
    return file.state === "good" ? file.value : undefined;
  }

  pathOf(id: string): string {
    return join(this.#parts.paths.builds, id);
  }

  remove(id: string): boolean {
    return isSortableId(id) && removeTree(this.pathOf(id));
  }

  #file<T>(id: string, name: string, accepts: (value: unknown) => value is T) {
    return readSealed(join(this.pathOf(id), `${name}.json`), accepts);
  }
}

const NEWLINE = 10;

class LogFile implements StepLog {
  readonly path: string;
  readonly #parts: StoreParts;
  #fd: number | undefined;
  #lines = 0;

  constructor(parts: StoreParts, path: string) {
    this.#parts = parts;
    this.path = path;
  }

  get lines(): number {
    return this.#lines;
  }

  write(bytes: Uint8Array): void {
    guardDisk(this.#parts.paths, () => {
      this.#fd ??= openSync(this.path, "a", 0o600);
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#fd, bytes, at);
    });
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) this.#lines += 1;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function isAnything(_value: unknown): _value is unknown {
  return true;
}
