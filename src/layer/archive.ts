import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header, type Pack, pack } from "tar-stream";
import { BuildError } from "../core/errors.ts";
import type { Bytes } from "./byte-streams.ts";
import { decompress } from "./compression.ts";

/** An entry of an outer archive (docker save, OCI layout): names are ASCII, owners and times mean nothing. */
export interface ArchiveEntry {
  /** Without a leading "./" or a directory's "/". Untrusted: it may hold "..". */
  readonly name: string;
  readonly type: "file" | "dir" | "link" | "other";
  /** Bytes of a file. */
  readonly size: number;
  /** What a link points to, as written: `docker save` links equal layers. */
  readonly target: string;
  /** The bytes, once, before the next entry is asked for. */
  readonly content: () => Bytes;
}

const ENTRY_TYPES: Readonly<Partial<Record<Header["type"], ArchiveEntry["type"]>>> = {
  file: "file",
  "contiguous-file": "file",
  directory: "dir",
  link: "link",
  symlink: "link",
};

/**
 * Entries of an outer archive in its order, decompressed by what its first bytes say. A broken tar is `image/bad-archive`. Not
 * for layers: see read-tar.ts.
 */
export async function* readArchive(source: Bytes): AsyncGenerator<ArchiveEntry> {
  const reader = extract();
  const input = Readable.from(decompress(source), { highWaterMark: 2 });
  // Its failure is the reader's, and ends the loop below.
  const feeding = pipeline(input, reader).catch(() => undefined);
  try {
    for await (const stream of reader) {
      const { header } = stream;
      yield {
        name: header.name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, ""),
        type: ENTRY_TYPES[header.type] ?? "other",
        size: header.size,
        target: header.linkname ?? "",
        content: () => bytesOf(stream),
      };
      // What the caller did not read is passed over.
      stream.resume();
    }
  } catch (error) {
    throw badArchive(error);
  } finally {
    reader.destroy();
    input.destroy();
    await feeding;
  }
}

async function* bytesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    throw badArchive(error);
  }
}

function badArchive(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof BuildError) return error;
  return new BuildError("image/bad-archive", `the archive cannot be read: ${error.message}`, {
    cause: error,
  });
}

/** Writes an outer archive into a stream, entry by entry: the same calls give the same bytes. Await each call. */
export class ArchiveWriter {
  readonly #pack: Pack = pack();
  readonly #facts: Pick<Header, "mtime" | "uid" | "gid" | "uname" | "gname">;
  readonly #written: Promise<void>;

  /** `mtime` in seconds since 1970, for every entry. */
  constructor(output: Writable, mtime: number) {
    this.#facts = { mtime: new Date(mtime * 1000), uid: 0, gid: 0, uname: "", gname: "" };
    this.#written = pipeline(this.#pack, output);
    // Reported by the call that is waiting for it.
    this.#written.catch(() => undefined);
  }

  addDirectory(name: string): Promise<void> {
    return this.#add({ name: `${name}/`, type: "directory", mode: 0o755 });
  }

  addSymlink(name: string, target: string): Promise<void> {
    return this.#add({ name, type: "symlink", linkname: target, mode: 0o777 });
  }

  addBytes(name: string, bytes: Uint8Array): Promise<void> {
    return this.#add({ name, mode: 0o644, size: bytes.length }, [bytes]);
  }

  /** `size` must be what `content` gives: a tar says it first. */
  addFile(name: string, size: number, content: Bytes): Promise<void> {
    return this.#add({ name, mode: 0o644, size }, content);
  }

  /** Resolves once everything is in the stream and the stream has ended. */
  async finish(): Promise<void> {
    this.#pack.finalize();
    await this.#written;
  }

  async #add(
    header: Partial<Header> & { name: string },
    content?: Bytes | readonly Uint8Array[],
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // An output that broke is the reason for whatever the entry says of it.
    const done = promise.catch((error: unknown) => this.#written.then(() => Promise.reject(error)));
    done.catch(() => undefined);
    const entry = this.#pack.entry({ ...this.#facts, ...header }, (error) => {
      if (error) reject(error);
      else resolve();
    });
    // What it says is said by `done` too.
    entry.once("error", () => undefined);
    try {
      for await (const chunk of content ?? []) {
        if (entry.write(chunk)) continue;
        await Promise.race([new Promise<void>((drained) => entry.once("drain", () => drained())), done]);
      }
      if (content !== undefined) entry.end(null);
      await done;
    } catch (error) {
      // Half an entry cannot be mended: the output ends in an error too.
      this.#pack.destroy(error instanceof Error ? error : null);
      throw error;
    }
  }
}
