import type { Descriptor } from "../core/descriptor.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { RegistryClient } from "./client.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { forEachParallel } from "./parallel.ts";
import type { BlobSource } from "./pull.ts";
import { type TellTransfer, type TransferListener, transferTeller } from "./transfer-events.ts";

/**
 * Takes the bytes of one blob to their end and checks their digest: with a `BlobWriter`, `commit(descriptor.digest)`. May be
 * called a second time for a blob whose bytes it refused with `store/digest-mismatch`.
 */
export type BlobSink = (descriptor: Descriptor, bytes: AsyncIterable<Uint8Array>) => Promise<void>;

export interface DownloadOptions extends TransferListener {
  readonly sink: BlobSink;
  /** Blobs that are here already are told about and not transferred. */
  readonly has?: ((descriptor: Descriptor) => boolean) | undefined;
  /** How many at once. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_JOBS = 4;

/** All blobs, several at once, each digest once, the first ones first. The first failure stops the others and is thrown once they stand still. */
export async function downloadBlobs(
  client: RegistryClient,
  source: BlobSource,
  blobs: readonly Descriptor[],
  options: DownloadOptions,
): Promise<void> {
  const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  const transfers = unique.map((blob) => ({ blob, tell: transferTeller(options, "pull", blob) }));
  const missing = transfers.filter(({ blob, tell }) => {
    const isHere = options.has?.(blob) ?? false;
    tell(isHere ? "exists" : "waiting", isHere ? blob.size : 0);
    return !isHere;
  });
  const { sink } = options;
  await forEachParallel(
    missing,
    { jobs: options.jobs ?? DEFAULT_JOBS, signal: options.signal },
    (one, signal) => download(client, source, { ...one, sink, signal }),
  );
}

interface Download {
  readonly blob: Descriptor;
  readonly sink: BlobSink;
  readonly tell: TellTransfer;
  readonly signal: AbortSignal;
}

async function download(client: RegistryClient, source: BlobSource, one: Download): Promise<void> {
  const { blob, sink, tell } = one;
  const [, ...otherPlaces] = source.endpoints;
  try {
    await sink(blob, transfer(client, source, one));
  } catch (error) {
    if (!isDigestMismatch(error)) throw error;
    // Once more from the start, elsewhere if there is an elsewhere: bytes do get damaged on the way.
    tell("retrying", 0, "received other bytes than the digest says, starting over");
    const elsewhere = otherPlaces.length === 0 ? source : { ...source, endpoints: otherPlaces };
    await sink(blob, transfer(client, elsewhere, one)).catch((again: unknown) => {
      throw isDigestMismatch(again) ? damaged(blob, elsewhere, again) : again;
    });
  }
  tell("done", blob.size);
}

function transfer(client: RegistryClient, source: BlobSource, { blob, tell, signal }: Download) {
  let done = 0;
  tell("running", 0);
  return fetchBlob(client, source, blob, {
    signal,
    onProgress: (doneBytes) => {
      done = doneBytes;
      tell("running", done);
    },
    onRetry: (note) => tell("retrying", done, note),
  });
}

function isDigestMismatch(error: unknown): error is BuildError {
  return isBuildError(error) && error.code === "store/digest-mismatch";
}

function damaged(blob: Descriptor, source: BlobSource, cause: BuildError): BuildError {
  const host = source.endpoints[0]?.host ?? "the registry";
  return new BuildError(
    "registry/digest-mismatch",
    `${host} sends other bytes for layer ${blob.digest} than the digest says`,
    {
      hint: "The registry, or something on the way, damages the data. Nothing of it was kept.",
      cause,
    },
  );
}
