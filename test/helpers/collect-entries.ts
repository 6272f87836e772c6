import { TarParser } from "../../src/layer/read-tar.ts";
import type { TarEntry } from "../../src/layer/tar-entry.ts";

export interface Collected extends TarEntry {
  /** The expanded content, holes filled. */
  readonly bytes: Buffer;
}

/** All entries of a tar, given to the parser in pieces of a size. */
export function collectEntries(tar: Buffer, pieceSize = tar.length): Collected[] {
  const found: (TarEntry & { bytes: Buffer })[] = [];
  const parser = new TarParser({
    entry: (entry) => found.push({ ...entry, bytes: Buffer.alloc(entry.size) }),
    data: (bytes, at) => found.at(-1)?.bytes.set(bytes, at),
    entryEnd: () => undefined,
  });
  for (let at = 0; at < tar.length; at += pieceSize) parser.push(tar.subarray(at, at + pieceSize));
  parser.end();
  return found;
}
