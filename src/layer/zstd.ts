import { createZstdDecompress, zstdDecompressSync } from "node:zlib";
import { type Bytes, ChunkReader, damaged, through } from "./byte-streams.ts";
import { ZstdFrame } from "./zstd-frame.ts";

/** A frame that is wholly at hand and this small is not worth a stream of its own. */
const SMALL_FRAME_BYTES = 256 * 1024;
const SMALL_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Larger buffers are given back to the system and faulted in anew each time: 40 % slower. */
const OUTPUT_BYTES = 128 * 1024;

/** All frames of zstd data, one after the other, skippable ones left out. */
export async function* decompressZstd(source: Bytes): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const input = new ChunkReader(iterator);
  try {
    for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) {
      const small = decompressSmallFrame(chunk);
      input.unread(small === undefined ? chunk : chunk.subarray(small.consumed));
      if (small === undefined) yield* decompressFrame(input);
      else if (small.bytes.length > 0) yield small.bytes;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A frame that is whole in the chunk, and small inside and out; else undefined. */
function decompressSmallFrame(chunk: Uint8Array): { consumed: number; bytes: Uint8Array } | undefined {
  const frame = new ZstdFrame();
  const consumed = frame.push(chunk.subarray(0, SMALL_FRAME_BYTES));
  if (!frame.isDone) return undefined;
  if (frame.isSkippable) return { consumed, bytes: Buffer.alloc(0) };
  try {
    const bytes = zstdDecompressSync(chunk.subarray(0, consumed), { maxOutputLength: SMALL_OUTPUT_BYTES });
    return { consumed, bytes };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw damaged("zstd", error);
  }
}

async function* decompressFrame(input: ChunkReader): AsyncGenerator<Uint8Array> {
  const frame = new ZstdFrame();
  const bytes = frameBytes(input, frame);
  const first = await bytes.next();
  if (first.done === true) return;
  const reader = new ChunkReader(bytes);
  reader.unread(first.value);
  if (frame.isSkippable) for await (const _ of reader.rest());
  else yield* through(reader.rest(), createZstdDecompress({ chunkSize: OUTPUT_BYTES }), "zstd");
}

/** The bytes of one frame, at least four at first; what follows the frame is given back. */
async function* frameBytes(input: ChunkReader, frame: ZstdFrame): AsyncGenerator<Uint8Array> {
  while (!frame.isDone) {
    let chunk = await input.next();
    if (chunk === undefined) throw damaged("zstd", new Error("unexpected end of file"));
    // The magic decides what becomes of a frame: it must not be cut in two.
    while (chunk.length < 4) {
      const more = await input.next();
      if (more === undefined) break;
      chunk = Buffer.concat([chunk, more]);
    }
    const consumed = frame.push(chunk);
    input.unread(chunk.subarray(consumed));
    yield chunk.subarray(0, consumed);
  }
}
