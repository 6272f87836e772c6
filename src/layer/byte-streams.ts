import { type Duplex, pipeline, Readable } from "node:stream";
import { BuildError, isBuildError } from "../core/errors.ts";

export type Bytes = AsyncIterable<Uint8Array>;

/** A reader over chunks that takes one back. */
export class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #back: Uint8Array | undefined;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** Never an empty chunk; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const back = this.#back;
    this.#back = undefined;
    if (back !== undefined) return back;
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      if (next.value.length > 0) return next.value;
    }
  }

  unread(chunk: Uint8Array): void {
    this.#back = chunk.length === 0 ? undefined : chunk;
  }

  /** All that is left. Whoever stops early closes the source. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
    } finally {
      await this.#source.return?.();
    }
  }
}

/** A stream's output for its input. What the stream itself complains of becomes `layer/compression`. */
export async function* through(
  source: Bytes | Iterable<Uint8Array>,
  stream: Duplex,
  name: string,
): AsyncGenerator<Buffer> {
  let sourceError: Error | undefined;
  const input = Readable.from(source, { highWaterMark: 2 });
  input.once("error", (error) => {
    sourceError = error;
  });
  // Errors of either side end the loop below; nothing is left to do here.
  pipeline(input, stream, () => undefined);
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw sourceError ?? damaged(name, error);
  } finally {
    stream.destroy();
    input.destroy();
  }
}

export function damaged(name: string, cause: unknown): BuildError {
  if (isBuildError(cause)) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BuildError("layer/compression", `the ${name} data is damaged: ${why}`, { cause });
}
