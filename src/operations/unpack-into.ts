import type { FileWriter } from "../containers/write-files.ts";
import { type BytePath, cleanPath, decodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { PackEntry } from "../core/ports.ts";
import { decompress } from "../layer/compression.ts";
import { TarParser } from "../layer/read-tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";

/** Writes the entries of a tar, compressed or not. A name that leads out of the directory is refused (`layer/unsafe-entry`). */
export async function unpackInto(
  writer: FileWriter,
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const parser = new TarParser({
    entry: (entry) => writer.begin(toPackEntry(entry)),
    data: (bytes, at) => writer.data(bytes, at),
    entryEnd: () => writer.end(),
  });
  for await (const piece of decompress(tar)) {
    signal.throwIfAborted();
    parser.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  parser.end();
  writer.finish();
}

function toPackEntry(entry: TarEntry): PackEntry["entry"] {
  const { name, type, linkName, mode, uid, gid, size, mtimeSeconds, mtimeNanos, major, minor, xattrs } =
    entry;
  const target = type === "hardlink" ? safePath(linkName) : linkName;
  return {
    path: safePath(name),
    kind: type,
    mode: mode & 0o7777,
    uid,
    gid,
    size,
    mtimeSeconds,
    mtimeNanos,
    major,
    minor,
    ...(type === "hardlink" || type === "symlink" ? { target } : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}

function safePath(name: string): BytePath {
  if (!name.split("/").includes("..")) return cleanPath(name);
  throw new BuildError(
    "layer/unsafe-entry",
    `"${decodePath(name)}" leads out of the directory it is unpacked into`,
  );
}
