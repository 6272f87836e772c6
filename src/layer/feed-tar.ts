import { setImmediate } from "node:timers/promises";
import type { Bytes } from "./byte-streams.ts";
import { type LayerLimits, tooLarge } from "./limits.ts";
import { type TarHandler, TarParser } from "./read-tar.ts";

const YIELD_MS = 40;

export interface FeedOptions {
  readonly limits: LayerLimits;
  /** Bytes that came so far, compressed as they are. */
  readonly storedSize: () => number;
  readonly onChunk: (chunk: Uint8Array) => void;
  /** Reads no further than the tar's own end (its zero blocks), as Go's archive/tar; else everything is read. */
  readonly stopAtEnd?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Gives the bytes of an untrusted tar to a handler, with room for others between; the bytes read. `layer/bad-tar`, `layer/too-large`. */
export async function feedTar(bytes: Bytes, handler: TarHandler, options: FeedOptions): Promise<number> {
  const { limits, storedSize, onChunk, stopAtEnd = false, signal } = options;
  const parser = new TarParser(handler);
  let size = 0;
  let lastTurn = performance.now();
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > limits.maxBytes) throw tooLarge(`its tar has more than ${limits.maxBytes} bytes`);
    if (size > limits.ratioFromBytes && size > limits.maxRatio * storedSize()) {
      throw tooLarge(`it unpacks to more than ${limits.maxRatio} times its size`);
    }
    onChunk(chunk);
    parser.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (stopAtEnd && parser.isAtEnd) break;
    if (performance.now() - lastTurn < YIELD_MS) continue;
    await setImmediate();
    signal?.throwIfAborted();
    lastTurn = performance.now();
  }
  parser.end();
  return size;
}
