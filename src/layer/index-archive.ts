import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import { SNIFF_BYTES, sniffCompression } from "./compression.ts";
import { decodePaxRecords, type PaxRecords } from "./pax.ts";
import { type Extensions, mergeHeader } from "./tar-entry.ts";
import { BLOCK, decodeHeader, paddingOf } from "./tar-header.ts";

/** An entry of an outer archive, and where its bytes are in the file. */
export interface IndexedEntry {
  readonly name: string;
  readonly type: "file" | "link" | "other";
  readonly target: string;
  readonly start: number;
  readonly size: number;
}

const MAX_EXTENDED_BYTES = 1024 * 1024;
const NONE: Extensions = { pax: new Map(), longName: undefined, longLink: undefined };
const EXTENSION_FLAGS = ["x", "g", "L", "K"];

/**
 * Entries of an outer archive that is a plain file, found by its headers alone: no byte of content is read. Undefined where the
 * file is compressed or has sparse files: read it as a stream then. Throws `image/bad-archive`.
 */
export function indexArchive(path: string): readonly IndexedEntry[] | undefined {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(SNIFF_BYTES);
    readSync(fd, head, 0, SNIFF_BYTES, 0);
    return sniffCompression(head) === "none" ? readEntries(fd, fstatSync(fd).size) : undefined;
  } catch (error) {
    if (error instanceof BuildError && error.code === "layer/bad-tar") throw bad(error.message);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readEntries(fd: number, fileSize: number): readonly IndexedEntry[] | undefined {
  const entries: IndexedEntry[] = [];
  let extensions = NONE;
  let at = 0;
  // The zero blocks at the end may be missing; half a header may not.
  while (at < fileSize) {
    const block = readAt(fd, at, BLOCK);
    if (block.every((byte) => byte === 0)) break;
    const raw = decodeHeader(block);
    at += BLOCK;
    if (EXTENSION_FLAGS.includes(raw.flag)) {
      if (raw.size < 0 || raw.size > MAX_EXTENDED_BYTES)
        throw bad("it has an extended header of more than 1 MiB");
      extensions = extend(extensions, raw.flag, readAt(fd, at, raw.size));
      at += raw.size + paddingOf(raw.size);
      continue;
    }
    const { facts, storedSize, sparse } = mergeHeader(raw, extensions);
    if (sparse !== undefined || raw.flag === "S") return undefined;
    extensions = NONE;
    if (at + storedSize > fileSize) throw bad(`it ends inside ${facts.name}`);
    entries.push({
      name: facts.name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, ""),
      type:
        facts.type === "file"
          ? "file"
          : facts.type === "symlink" || facts.type === "hardlink"
            ? "link"
            : "other",
      target: facts.linkName,
      start: at,
      size: storedSize,
    });
    at += storedSize + paddingOf(storedSize);
  }
  return entries;
}

function extend(before: Extensions, flag: string, body: Buffer): Extensions {
  if (flag === "g") return before;
  if (flag === "x") return { ...before, pax: decodePaxRecords(body) satisfies PaxRecords };
  const end = body.indexOf(0);
  const text = body.toString("latin1", 0, end < 0 ? body.length : end);
  return flag === "L" ? { ...before, longName: text } : { ...before, longLink: text };
}

function readAt(fd: number, at: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; ) {
    const count = readSync(fd, bytes, done, size - done, at + done);
    if (count === 0) throw bad("it ends too early");
    done += count;
  }
  return bytes;
}

function bad(why: string): BuildError {
  return new BuildError("image/bad-archive", `the archive cannot be read: ${why}`, {
    hint: "Is it whole? Save or download it again.",
  });
}
