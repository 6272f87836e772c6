import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type DiffId, type Digest, requireDigest, toDiffId } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { BlobWriter, RootFacts } from "../core/ports.ts";
import type { Bytes } from "./byte-streams.ts";
import { type Compression, decompress, sniffStream } from "./compression.ts";
import { feedTar } from "./feed-tar.ts";
import { LayerReader } from "./layer-reader.ts";
import { DEFAULT_LIMITS, type LayerLimits } from "./limits.ts";
import type { Toc } from "./toc.ts";
import { type TreeOptions, TreeWriter } from "./tree-writer.ts";

const READ_BYTES = 128 * 1024;

export interface IngestOptions {
  /** Gets the bytes as they come, compressed or not. Committed here once all is well. */
  readonly blob?: BlobWriter | undefined;
  /** Of the bytes as they come. */
  readonly expectedDigest?: Digest | undefined;
  readonly expectedDiffId?: DiffId | undefined;
  /** Also unpack into this directory. */
  readonly tree?: TreeOptions | undefined;
  /** What lies below the layer: directories that it needs but does not list look in `tree` as they do there. */
  readonly lower?: RootFacts | undefined;
  readonly limits?: LayerLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface IngestedLayer {
  /** Of the bytes as they came; undefined where neither a blob nor a digest was asked for. */
  readonly digest: Digest | undefined;
  /** Bytes that came. */
  readonly storedSize: number;
  readonly compression: Compression;
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly toc: Toc;
  /** Only with `tree`: an owner, device or xattr could not be kept on disk (the table has it). */
  readonly squashed: boolean;
}

/**
 * Takes in a foreign layer in one pass: stores it, decompresses it, hashes it and its files, lists it, unpacks it. Fails with
 * `store/digest-mismatch`, `layer/compression`, `layer/bad-tar`, `layer/unsafe-entry` or `layer/too-large`; the blob is then not
 * committed and the tree is gone.
 */
export function ingestLayer(source: Bytes | string, options: IngestOptions): Promise<IngestedLayer> {
  return readLayer(source, { ...options, hashes: true, isLayer: true });
}

/**
 * Unpacks a stored blob into an empty directory, verified against its diff id. `squashed` as in IngestedLayer.
 */
export async function unpackLayer(
  blobPath: string,
  diffId: DiffId,
  tree: TreeOptions,
  lower?: RootFacts,
): Promise<{ readonly squashed: boolean }> {
  const { squashed } = await readLayer(blobPath, {
    expectedDiffId: diffId,
    tree,
    lower,
    hashes: false,
    isLayer: true,
  });
  return { squashed };
}

/**
 * Unpacks an ordinary archive (a context, what ADD was given), compressed or not, into an empty directory. As safe as a layer;
 * ".wh." means nothing in it.
 */
export async function unpackArchive(
  source: Bytes | string,
  dir: string,
  options: Pick<IngestOptions, "limits" | "signal"> = {},
): Promise<{ readonly squashed: boolean }> {
  const tree = { dir, overlay: "trusted" } as const;
  const { squashed } = await readLayer(source, { ...options, tree, hashes: false, isLayer: false });
  return { squashed };
}

async function readLayer(
  source: Bytes | string,
  options: IngestOptions & { readonly hashes: boolean; readonly isLayer: boolean },
): Promise<IngestedLayer> {
  const { blob, tree, limits = DEFAULT_LIMITS } = options;
  const input = new Intake(
    typeof source === "string" ? openFile(source) : source,
    blob,
    options.expectedDigest,
  );
  const writer = tree === undefined ? undefined : new TreeWriter(tree);
  const { hashes, isLayer } = options;
  const reader = new LayerReader({ limits, writer, hashes, isLayer });
  try {
    const { compression, bytes } = await sniffStream(input.chunks());
    const { diffId, size } = await parse(decompress(bytes, compression), reader, () => input.size, options);
    await input.drain();
    if (options.expectedDiffId !== undefined && options.expectedDiffId !== diffId) {
      throw mismatch("its content", options.expectedDiffId, diffId);
    }
    const toc = reader.finish(options.lower);
    const digest = input.commit();
    return {
      digest,
      storedSize: input.size,
      compression,
      diffId,
      size,
      toc,
      squashed: writer?.squashed ?? false,
    };
  } catch (error) {
    reader.abort();
    writer?.discard();
    throw await input.rootCause(error);
  } finally {
    await input.close();
  }
}

async function parse(
  bytes: Bytes,
  reader: LayerReader,
  storedSize: () => number,
  { limits = DEFAULT_LIMITS, signal }: IngestOptions,
): Promise<{ diffId: DiffId; size: number }> {
  const diff = createHash("sha256");
  const onChunk = (chunk: Uint8Array) => diff.update(chunk);
  const size = await feedTar(bytes, reader, { limits, storedSize, onChunk, signal });
  return { diffId: toDiffId(requireDigest(`sha256:${diff.digest("hex")}`)), size };
}

/** The bytes that come in, written to the blob as they pass; hashed here where there is none. */
class Intake {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #blob: BlobWriter | undefined;
  readonly #expected: Digest | undefined;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #isDone = false;
  size = 0;

  constructor(source: Bytes, blob: BlobWriter | undefined, expected: Digest | undefined) {
    this.#source = source[Symbol.asyncIterator]();
    this.#blob = blob;
    this.#expected = expected;
    this.#hash = blob === undefined && expected !== undefined ? createHash("sha256") : undefined;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) break;
      this.size += next.value.length;
      this.#blob?.write(next.value);
      this.#hash?.update(next.value);
      yield next.value;
    }
    this.#isDone = true;
  }

  /** A decompressor stops at its own end; the blob is all of it. */
  async drain(): Promise<void> {
    if (!this.#isDone) for await (const _ of this.chunks());
  }

  commit(): Digest | undefined {
    const found = this.#hash === undefined ? undefined : requireDigest(`sha256:${this.#hash.digest("hex")}`);
    if (found !== this.#expected && found !== undefined) throw mismatch("it", `${this.#expected}`, found);
    return this.#blob?.commit(this.#expected).digest ?? found;
  }

  /**
   * Bytes that were damaged on the way fail in many forms; that they are not the bytes that were asked for says more. Where
   * they are, they are kept: they are what that digest names.
   */
  async rootCause(error: unknown): Promise<unknown> {
    const isOfContent =
      isBuildError(error) && (error.code === "layer/compression" || error.code === "layer/bad-tar");
    if (!isOfContent || this.#expected === undefined) return error;
    try {
      await this.drain();
      this.commit();
      return error;
    } catch (root) {
      return root;
    }
  }

  async close(): Promise<void> {
    if (!this.#isDone) await this.#source.return?.();
  }
}

function openFile(path: string): Bytes {
  return createReadStream(path, { highWaterMark: READ_BYTES });
}

function mismatch(what: string, expected: string, found: string): BuildError {
  return new BuildError(
    "store/digest-mismatch",
    `the layer is damaged: ${what} is ${found}, not ${expected}`,
  );
}
