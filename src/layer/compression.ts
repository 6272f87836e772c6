import { constants, createGunzip, createGzip, createZstdCompress } from "node:zlib";
import { type Bytes, ChunkReader, through } from "./byte-streams.ts";
import { throughProgram } from "./system-program.ts";
import { decompressZstd } from "./zstd.ts";

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];
/** A skippable zstd frame may come first: 0x5?, then these. */
const ZSTD_SKIPPABLE = [0x2a, 0x4d, 0x18];
export const SNIFF_BYTES = 6;
/** Larger buffers are given back to the system and faulted in anew each time: 40 % slower. */
const OUTPUT_BYTES = 128 * 1024;

/** What the first bytes (SNIFF_BYTES; fewer of a short file) say. Docker knows archives by these too, never by their names. */
export function sniffCompression(head: Uint8Array): Compression {
  const has = (magic: readonly number[], at: number): boolean =>
    magic.every((byte, i) => head[at + i] === byte);
  if (((head[0] ?? 0) & 0xf0) === 0x50 && has(ZSTD_SKIPPABLE, 1)) return "zstd";
  return MAGICS.find(([, magic]) => has(magic, 0))?.[0] ?? "none";
}

/** Looks at the first bytes of a stream; `bytes` is all of it. */
export async function sniffStream(source: Bytes): Promise<{ compression: Compression; bytes: Bytes }> {
  const reader = new ChunkReader(source[Symbol.asyncIterator]());
  let head: Uint8Array = new Uint8Array();
  while (head.length < SNIFF_BYTES) {
    const chunk = await reader.next();
    if (chunk === undefined) break;
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
  }
  reader.unread(head);
  return { compression: sniffCompression(head), bytes: reader.rest() };
}

/**
 * The bytes within; `compression` is looked up in the first bytes where it is not given. Data that is damaged or cut off, and a
 * missing program for bzip2 or xz, are `layer/compression`.
 */
export async function* decompress(source: Bytes, compression?: Compression): AsyncGenerator<Uint8Array> {
  const known = compression === undefined ? await sniffStream(source) : { compression, bytes: source };
  yield* decompressed(known.bytes, known.compression);
}

function decompressed(source: Bytes, compression: Compression): Bytes {
  switch (compression) {
    case "none":
      return source;
    case "gzip":
      // Concatenated members are one stream to it.
      return through(source, createGunzip({ chunkSize: OUTPUT_BYTES }), "gzip");
    case "zstd":
      return decompressZstd(source);
    case "bzip2":
    case "xz":
      return throughProgram(source, compression);
    default:
      return compression satisfies never;
  }
}

/** Compressed bytes: a function of the input, the level and node's zlib alone; no time, no name, no platform is in them. */
export function compress(
  source: Bytes | Iterable<Uint8Array>,
  compression: "gzip" | "zstd",
  level?: number,
): AsyncGenerator<Uint8Array> {
  if (compression === "gzip") {
    return withoutPlatform(
      through(source, createGzip({ chunkSize: OUTPUT_BYTES, level: level ?? 6 }), "gzip"),
    );
  }
  const params = { [constants.ZSTD_c_compressionLevel]: level ?? 3, [constants.ZSTD_c_checksumFlag]: 1 };
  return through(source, createZstdCompress({ chunkSize: OUTPUT_BYTES, params }), "zstd");
}

/** Byte 9 of gzip names the operating system that compressed (RFC 1952, section 2.3.1); 255 is "unknown". */
async function* withoutPlatform(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    if (at <= 9 && at + chunk.length > 9) chunk[9 - at] = 255;
    at += chunk.length;
    yield chunk;
  }
}
