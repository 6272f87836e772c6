import { closeSync, openSync, writeSync } from "node:fs";
import type { Digest } from "../core/digest.ts";
import { isBuildError } from "../core/errors.ts";
import type { Xattrs } from "../core/file-tree.ts";
import type { Bytes } from "./byte-streams.ts";
import { decompress, sniffStream } from "./compression.ts";
import { ContentHash } from "./content-hash.ts";
import { feedTar } from "./feed-tar.ts";
import { sparseOf } from "./layer-reader.ts";
import { DEFAULT_LIMITS, EntryMeter, type LayerLimits } from "./limits.ts";
import type { TarHandler } from "./read-tar.ts";
import { requireProgram } from "./system-program.ts";
import type { TarEntry } from "./tar-entry.ts";

/** An entry of an ordinary archive, as the tar has it: names are untrusted (readMemberName). */
export interface ArchiveMember extends Omit<TarEntry, "sparse" | "xattrs"> {
  /** Capabilities alone: no others get into a layer of Docker's either (containerd: archive, WriteDiff). */
  readonly xattrs: Xattrs | undefined;
  /** Of a sparse file: place in the file, bytes, place in the tar; again and again. */
  readonly pieces: readonly number[] | undefined;
  /** Of a regular file's content. */
  readonly digest: Digest | undefined;
}

/**
 * The entries of a tar, compressed or not, in its order; the tar itself, uncompressed, is written to `tarPath` (made by this) so
 * that contents can be read in any order. Undefined for what is no tar: only what its first bytes come to decides, never a
 * name, as BuildKit does it (solver/llbsolver/file/unpack.go). One that begins as a tar and is broken further on is `layer/bad-tar`
 * or `layer/compression`; a missing bzip2 or xz is `layer/compression` too, since nobody can know what is within.
 */
export async function listArchive(
  source: Bytes,
  tarPath: string,
  options: { readonly limits?: LayerLimits; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly ArchiveMember[] | undefined> {
  const { limits = DEFAULT_LIMITS, signal } = options;
  let storedSize = 0;
  const { compression, bytes } = await sniffStream(counted(source, (count) => (storedSize += count)));
  if (compression === "bzip2" || compression === "xz") requireProgram(compression);
  const lister = new ArchiveLister(limits);
  const file = openSync(tarPath, "wx", 0o600);
  try {
    await feedTar(decompress(bytes, compression), lister, {
      limits,
      storedSize: () => storedSize,
      onChunk: (chunk) => writeWhole(file, chunk),
      stopAtEnd: true,
      signal,
    });
  } catch (error) {
    if (lister.members.length === 0 && !lister.hasBegun && isNoTar(error)) return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
  return lister.members.length === 0 ? undefined : lister.members;
}

class ArchiveLister implements TarHandler {
  readonly members: ArchiveMember[] = [];
  readonly #meter: EntryMeter;
  #current: TarEntry | undefined;
  #hash: ContentHash | undefined;

  constructor(limits: LayerLimits) {
    this.#meter = new EntryMeter(limits);
  }

  get hasBegun(): boolean {
    return this.#current !== undefined;
  }

  entry(raw: TarEntry): void {
    this.#meter.charge(raw);
    this.#current = raw;
    this.#hash = raw.type === "file" ? new ContentHash(raw.size) : undefined;
  }

  data(bytes: Buffer, at: number): void {
    this.#hash?.add(bytes, at);
  }

  entryEnd(): void {
    const raw = this.#current;
    if (raw === undefined) return;
    const { sparse: _, ...facts } = raw;
    this.members.push({
      ...facts,
      xattrs: capabilityOf(raw.xattrs),
      pieces: sparseOf(raw),
      digest: this.#hash?.digest(),
    });
  }
}

function capabilityOf(xattrs: TarEntry["xattrs"]): Xattrs | undefined {
  const capability = xattrs?.["security.capability"];
  return capability === undefined ? undefined : { "security.capability": capability };
}

function isNoTar(error: unknown): boolean {
  return isBuildError(error) && (error.code === "layer/bad-tar" || error.code === "layer/compression");
}

async function* counted(source: Bytes, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
