import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { type BytePath, compareBytes, joinPath, parentOf, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";

const MOST_LINKS = 40;
const CHUNK_BYTES = 1 << 20;

/** One path met on the way to another: a link that was followed, a directory on the way, or the end. */
export interface Waypoint {
  readonly path: BytePath;
  readonly stats: Stats;
  /** Of a symlink, verbatim (latin1). */
  readonly target?: string;
}

/** A directory seen as the root of a machine: `/` in use, a made-up machine in tests. Links never lead out of it. */
export class HostRoot {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory.replace(/\/+$/, "");
  }

  stats(path: BytePath): Stats | undefined {
    return lstatSync(this.bytesOf(path), { throwIfNoEntry: false });
  }

  /** Everything that a walk to `path` passes, links followed, the end last; undefined where it leads nowhere. */
  walk(path: BytePath): readonly Waypoint[] | undefined {
    const passed: Waypoint[] = [];
    const pending = path.split("/").toReversed();
    let here = ROOT_PATH;
    for (let links = 0; pending.length > 0; ) {
      const name = pending.pop() ?? "";
      if (name === "" || name === ".") continue;
      if (name === "..") {
        here = parentOf(here);
        continue;
      }
      const next = joinPath(here, name);
      const stats = this.stats(next);
      if (stats === undefined) return undefined;
      if (!stats.isSymbolicLink()) {
        passed.push({ path: next, stats });
        here = next;
        continue;
      }
      links += 1;
      if (links > MOST_LINKS) return undefined;
      const target = readlinkSync(this.bytesOf(next), "latin1");
      passed.push({ path: next, stats, target });
      if (target.startsWith("/")) here = ROOT_PATH;
      pending.push(...target.split("/").toReversed());
    }
    return passed;
  }

  /** Names in byte order; empty where it is no directory that we may read. */
  names(directory: BytePath): readonly string[] {
    try {
      return readdirSync(this.bytesOf(directory), "latin1").toSorted(compareBytes);
    } catch {
      return [];
    }
  }

  text(path: BytePath): string | undefined {
    const end = this.walk(path)?.at(-1);
    return end?.stats.isFile() ? readFileSync(this.bytesOf(end.path), "utf8") : undefined;
  }

  /** The first bytes of a file. */
  head(path: BytePath, length: number): Buffer {
    const file = openSync(this.bytesOf(path), "r");
    try {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, 0));
    } finally {
      closeSync(file);
    }
  }

  /** `size` bytes of a file, as a layer announced them. A piece is only valid until the next one is asked for. */
  *content(path: BytePath, size: number): Iterable<Uint8Array> {
    const file = openSync(this.bytesOf(path), "r");
    try {
      const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, size));
      for (let left = size; left > 0; ) {
        const read = readSync(file, buffer, 0, Math.min(buffer.length, left), null);
        if (read === 0) throw new BuildError("context/changed", `/${path} became shorter while it was read`);
        left -= read;
        yield buffer.subarray(0, read);
      }
    } finally {
      closeSync(file);
    }
  }

  /** For system calls. */
  bytesOf(path: BytePath): Buffer {
    return Buffer.concat([Buffer.from(`${this.#directory}/`), pathBytes(path)]);
  }
}
