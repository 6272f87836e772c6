import type { Descriptor } from "../core/descriptor.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { RegistryClient, RegistryRequest } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { backoffMs } from "./retry.ts";
import type { TellTransfer } from "./transfer-events.ts";
import { type HttpResponse, throwIfCanceled } from "./transport.ts";

/** A blob on its way to a registry. */
export interface PushBlob {
  readonly descriptor: Descriptor;
  /** The bytes from there on; called again where an upload is resumed. */
  readonly open: (startAt: number) => AsyncIterable<Uint8Array>;
  /** Repositories of the same registry (`team/base`) that are known to have it. */
  readonly mountFrom?: readonly string[] | undefined;
}

export interface UploadHow {
  readonly tell: TellTransfer;
  readonly signal?: AbortSignal | undefined;
  /** Larger blobs go in pieces of this size; all in one where it is not given. */
  readonly chunkBytes?: number | undefined;
}

/** Up to here a blob goes with a single request, which is quicker and cannot be resumed. */
const MONOLITHIC_BYTES = 4 * 1024 * 1024;
/** Registries check, and some copy, a whole blob before they answer. */
const COMMIT_TIMEOUT_MS = 10 * 60_000;

/** A broken connection or a busy registry; and an upload session that is gone. */
const RESUMABLE: ReadonlySet<string> = new Set([
  "registry/unreachable",
  "registry/rate-limited",
  "registry/not-found",
]);

/** Brings a blob into a repository: there already, mounted from a neighbour, or uploaded; a broken upload is resumed. */
export async function uploadBlob(
  client: RegistryClient,
  endpoint: Endpoint,
  blob: PushBlob,
  how: UploadHow,
): Promise<void> {
  const { descriptor } = blob;
  const { tell } = how;
  if (await hasBlob(client, endpoint, descriptor, how)) return tell("exists", descriptor.size);
  const begun = await beginOrMount(client, endpoint, blob, how);
  if (begun === "mounted") return tell("exists", descriptor.size, "mounted from another repository");

  const upload: Transfer = { how, session: { location: begun, offset: 0 } };
  let failures = 0;
  for (;;) {
    const { offset } = upload.session;
    try {
      tell("running", offset);
      await transfer(client, endpoint, blob, upload);
      return tell("done", descriptor.size);
    } catch (error) {
      throwIfCanceled(how.signal);
      if (!isBuildError(error) || !RESUMABLE.has(error.code)) throw error;
      upload.session = await findOffset(client, endpoint, descriptor, upload);
      failures = upload.session.offset > offset ? 1 : failures + 1;
      if (failures >= client.retry.attempts) throw error;
      tell("retrying", upload.session.offset, "upload broke off, resuming");
      await client.retry
        .delay(backoffMs(client.retry, failures), how.signal)
        .catch(() => throwIfCanceled(how.signal));
    }
  }
}

/** An upload that was begun: where it goes on, and how much the registry has of it. */
interface Session {
  readonly location: URL;
  readonly offset: number;
}

interface Transfer {
  readonly how: UploadHow;
  /** Moves on with every piece that the registry took. */
  session: Session;
}

async function hasBlob(
  client: RegistryClient,
  endpoint: Endpoint,
  descriptor: Descriptor,
  { signal }: UploadHow,
): Promise<boolean> {
  const response = await client.send(endpoint, {
    ...base(descriptor, signal),
    method: "HEAD",
    path: `blobs/${descriptor.digest}`,
    expect: [200, 404],
  });
  await response.discard();
  return response.status === 200;
}

async function beginOrMount(
  client: RegistryClient,
  endpoint: Endpoint,
  { descriptor, mountFrom = [] }: PushBlob,
  { signal }: UploadHow,
): Promise<URL | "mounted"> {
  const [from] = mountFrom.filter((repository) => repository !== endpoint.repository);
  const query =
    from === undefined ? "" : `?${new URLSearchParams({ mount: descriptor.digest, from }).toString()}`;
  const request = {
    ...base(descriptor, signal),
    method: "POST",
    headers: { "content-length": "0" },
  } as const;
  const mount = { ...request, path: `blobs/uploads/${query}`, alsoPull: from, expect: [201, 202] };
  const response = await client.send(endpoint, mount).catch(async (error: unknown) => {
    // A neighbour that may not be read is no reason not to upload.
    if (from === undefined || !isBuildError(error) || error.code === "registry/unreachable") throw error;
    return client.send(endpoint, { ...request, path: "blobs/uploads/", expect: [202] });
  });
  await response.discard();
  return response.status === 201 ? "mounted" : locationOf(response);
}

/** The rest of the blob into the session, and the end of it. */
async function transfer(
  client: RegistryClient,
  endpoint: Endpoint,
  blob: PushBlob,
  upload: Transfer,
): Promise<void> {
  const { how } = upload;
  const { size } = blob.descriptor;
  const chunkBytes = how.chunkBytes ?? Number.POSITIVE_INFINITY;
  const isSingle = upload.session.offset === 0 && size <= Math.min(MONOLITHIC_BYTES, chunkBytes);
  if (isSingle) return finish(client, endpoint, blob, upload);
  while (upload.session.offset < size) {
    const { location, offset } = upload.session;
    const end = Math.min(offset + chunkBytes, size);
    const response = await client.send(endpoint, {
      ...base(blob.descriptor, how.signal),
      method: "PATCH",
      path: location,
      headers: { ...octets(end - offset), "content-range": `${offset}-${end - 1}` },
      body: bodyOf(blob, { start: offset, end, how }),
      expect: [201, 202, 204],
      attempts: 1,
      headersTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    await response.discard();
    upload.session = { location: locationOf(response), offset: end };
  }
  await finish(client, endpoint, blob, upload);
}

/** PUT ends the session, with the bytes that are still missing; the registry checks the digest. */
async function finish(
  client: RegistryClient,
  endpoint: Endpoint,
  blob: PushBlob,
  { how, session }: Transfer,
): Promise<void> {
  const { digest, size } = blob.descriptor;
  const url = new URL(session.location);
  url.searchParams.set("digest", digest);
  const rest = size - session.offset;
  const response = await client.send(endpoint, {
    ...base(blob.descriptor, how.signal),
    method: "PUT",
    path: url,
    headers: rest === 0 ? { "content-length": "0" } : octets(rest),
    body: rest === 0 ? undefined : bodyOf(blob, { start: session.offset, end: size, how }),
    expect: [201, 202, 204],
    attempts: 1,
    headersTimeoutMs: COMMIT_TIMEOUT_MS,
  });
  await response.discard();
}

/** What the registry has of a broken upload (GET of its location); a session that is gone is begun anew. */
async function findOffset(
  client: RegistryClient,
  endpoint: Endpoint,
  descriptor: Descriptor,
  { how, session }: Transfer,
): Promise<Session> {
  const status = await client.send(endpoint, {
    ...base(descriptor, how.signal),
    method: "GET",
    path: session.location,
    expect: [204, 202, 400, 404, 405],
  });
  await status.discard();
  if (status.status === 204 || status.status === 202) {
    const last = /^(?:bytes=)?0-(\d+)$/.exec(status.header("range") ?? "")?.[1];
    // Distribution says 0-0 both for nothing and for one byte: taken for nothing, a byte too many is refused, and begun anew.
    const offset = last === undefined || last === "0" ? 0 : Number(last) + 1;
    if (offset <= descriptor.size) return { location: locationOf(status, session.location), offset };
  }
  const begun = await beginOrMount(client, endpoint, { descriptor, open: () => noBytes() }, how);
  return begun === "mounted" ? session : { location: begun, offset: 0 };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

function bodyOf(
  blob: PushBlob,
  part: { readonly start: number; readonly end: number; readonly how: UploadHow },
): () => AsyncIterable<Uint8Array> {
  return async function* () {
    let done = part.start;
    for await (const chunk of blob.open(part.start)) {
      const useful = chunk.subarray(0, part.end - done);
      done += useful.length;
      if (useful.length > 0) yield useful;
      part.how.tell("running", done);
      if (done >= part.end) return;
    }
  };
}

function base(descriptor: Descriptor, signal: AbortSignal | undefined) {
  return {
    access: "pull,push",
    subject: `layer ${descriptor.digest}`,
    signal,
  } satisfies Partial<RegistryRequest>;
}

function octets(bytes: number): Readonly<Record<string, string>> {
  return { "content-type": "application/octet-stream", "content-length": String(bytes) };
}

/** Where an upload goes on; registries may give it relative to what was asked. */
function locationOf(response: HttpResponse, otherwise?: URL): URL {
  const header = response.header("location");
  const url = header === undefined ? otherwise : URL.parse(header, response.url.href);
  if (url === undefined || url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new BuildError(
      "registry/bad-response",
      `${response.url.host} does not say where an upload goes on`,
    );
  }
  return url;
}
