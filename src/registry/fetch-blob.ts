import { createHash } from "node:crypto";
import type { Descriptor } from "../core/descriptor.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { networkError } from "./network-error.ts";
import type { BlobSource } from "./pull.ts";
import { backoffMs, isBrokenConnection } from "./retry.ts";
import { type HttpResponse, throwIfCanceled } from "./transport.ts";

export interface FetchBlobOptions {
  /** Bytes that the caller has already. */
  readonly startAt?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the blob so far, `startAt` included. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** The connection broke and will be made again: the how manieth time, and why. */
  readonly onRetry?: ((note: string) => void) | undefined;
}

/** A connection that brought less than this counts as failed, so that a server that sends crumbs is not asked for ever. */
const PROGRESS_BYTES = 16 * 1024;
const MAX_SMALL_BLOB_BYTES = 8 * 1024 * 1024;

/**
 * The bytes of a blob from `startAt` on, exactly as many as the descriptor says; the digest is for the consumer to check. A
 * broken connection is resumed where it broke, also with servers that ignore Range and begin anew.
 */
export async function* fetchBlob(
  client: RegistryClient,
  source: BlobSource,
  descriptor: Descriptor,
  options: FetchBlobOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, startAt = 0 } = options;
  let done = startAt;
  let countFrom = startAt;
  let failures = 0;
  while (done < descriptor.size) {
    let response: HttpResponse | undefined;
    try {
      response = await openFrom(client, source, descriptor, { start: done, signal });
      for await (const chunk of bodyFrom(response, done, descriptor)) {
        done += chunk.length;
        options.onProgress?.(done);
        yield chunk;
      }
      if (done < descriptor.size) throw endedEarly(descriptor, done, response);
    } catch (error) {
      throwIfCanceled(signal);
      if (!isWorthResuming(error)) throw error;
      failures = done - countFrom >= PROGRESS_BYTES ? 1 : failures + 1;
      countFrom = done;
      if (failures >= client.retry.attempts) throw finalError(error, response, descriptor);
      options.onRetry?.(`connection lost after ${done} of ${descriptor.size} bytes, resuming`);
      await client.retry
        .delay(backoffMs(client.retry, failures), signal)
        .catch(() => throwIfCanceled(signal));
    }
  }
}

/** A small blob (a config) as a whole, its digest checked: `registry/digest-mismatch`. */
export async function fetchSmallBlob(
  client: RegistryClient,
  source: BlobSource,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<Buffer> {
  if (descriptor.size > MAX_SMALL_BLOB_BYTES) {
    throw new BuildError(
      "registry/bad-response",
      `${descriptor.digest} is too large for what it should be (${descriptor.size} bytes)`,
    );
  }
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  for await (const chunk of fetchBlob(client, source, descriptor, { signal })) {
    hash.update(chunk);
    chunks.push(chunk);
  }
  const received = `sha256:${hash.digest("hex")}`;
  if (received !== descriptor.digest) {
    throw new BuildError(
      "registry/digest-mismatch",
      `the registry sent ${received} for ${descriptor.digest}`,
    );
  }
  return Buffer.concat(chunks);
}

interface Position {
  readonly start: number;
  readonly signal: AbortSignal | undefined;
}

/** From the first place that has the blob: the registry or mirror of the manifest, those after it, addresses in the manifest. */
async function openFrom(
  client: RegistryClient,
  source: BlobSource,
  descriptor: Descriptor,
  position: Position,
): Promise<HttpResponse> {
  const places = [
    ...source.endpoints.map((endpoint) => () => openAt(client, endpoint, descriptor, position)),
    ...(source.foreignUrls.get(descriptor.digest) ?? []).map(
      (url) => () => openForeign(client, url, descriptor, position),
    ),
  ];
  let first: unknown;
  for (const open of places) {
    try {
      return await open();
    } catch (error) {
      throwIfCanceled(position.signal);
      if (!isBuildError(error)) throw error;
      first ??= error;
    }
  }
  throw first instanceof Error ? first : new Error("no place to fetch from");
}

function openAt(
  client: RegistryClient,
  endpoint: Endpoint,
  descriptor: Descriptor,
  { start, signal }: Position,
): Promise<HttpResponse> {
  return client.send(endpoint, {
    method: "GET",
    path: `blobs/${descriptor.digest}`,
    headers: rangeHeaders(start),
    expect: [200, 206],
    subject: `layer ${descriptor.digest}`,
    signal,
  });
}

/** RULE: an address that a manifest names gets no credentials, whoever owns its host (CVE-2020-15157). */
async function openForeign(
  client: RegistryClient,
  address: string,
  descriptor: Descriptor,
  { start, signal }: Position,
): Promise<HttpResponse> {
  const url = URL.parse(address);
  if (url === null || url.protocol !== "https:") {
    throw new BuildError("registry/bad-response", `${descriptor.digest} is kept at an address without https`);
  }
  url.username = "";
  url.password = "";
  const response = await client.sendAnonymously({ method: "GET", url, headers: rangeHeaders(start), signal });
  if (response.status === 200 || response.status === 206) return response;
  await response.discard();
  throw new BuildError(
    "registry/not-found",
    `${url.host} answered ${response.status} for ${descriptor.digest}`,
  );
}

function rangeHeaders(start: number): Readonly<Record<string, string>> {
  return start === 0 ? {} : { range: `bytes=${start}-` };
}

/** The body from `start` on, whether the server honoured the range or not; never more than the descriptor says. */
async function* bodyFrom(
  response: HttpResponse,
  start: number,
  descriptor: Descriptor,
): AsyncGenerator<Uint8Array, void, undefined> {
  let toSkip = start - beginOf(response, start);
  let left = descriptor.size - start;
  for await (const chunk of response.body) {
    const useful = toSkip > 0 ? chunk.subarray(toSkip) : chunk;
    toSkip = Math.max(toSkip - chunk.length, 0);
    left -= useful.length;
    if (left < 0)
      throw wrongLength(descriptor, `more than the ${descriptor.size} bytes of its descriptor came`);
    if (useful.length > 0) yield useful;
  }
}

/** Where in the blob the body begins: 0, or what Content-Range says, which must not lie behind what is wanted. */
function beginOf(response: HttpResponse, start: number): number {
  if (response.status !== 206) return 0;
  const begin = Number(/^bytes (\d+)-/.exec(response.header("content-range") ?? "")?.[1] ?? Number.NaN);
  if (begin <= start) return begin;
  throw new BuildError(
    "registry/bad-response",
    `${response.url.host} sent another part of a blob than it was asked for`,
  );
}

/** The body ended as it should by its own framing, and is too short. */
class EndedEarly extends Error {
  override readonly name = "EndedEarly";
}

function endedEarly(descriptor: Descriptor, done: number, response: HttpResponse): Error {
  return new EndedEarly(
    `${response.url.host} sent ${done} of the ${descriptor.size} bytes of ${descriptor.digest}`,
  );
}

function isWorthResuming(error: unknown): boolean {
  return error instanceof EndedEarly || isBrokenConnection(error);
}

function finalError(error: unknown, response: HttpResponse | undefined, descriptor: Descriptor): Error {
  if (error instanceof EndedEarly) return wrongLength(descriptor, error.message);
  if (isBuildError(error) || response === undefined)
    return error instanceof Error ? error : new Error(String(error));
  return networkError(error, response.url);
}

function wrongLength(descriptor: Descriptor, why: string): BuildError {
  return new BuildError("registry/bad-response", `layer ${descriptor.digest} has the wrong length: ${why}`);
}
