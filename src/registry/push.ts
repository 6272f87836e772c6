import type { Descriptor } from "../core/descriptor.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatFamiliar, type Reference, withDefaultTag } from "../core/reference.ts";
import type { RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { forEachParallel } from "./parallel.ts";
import { type TransferListener, transferTeller } from "./transfer-events.ts";
import { type PushBlob, uploadBlob } from "./upload-blob.ts";

/** Bytes of a manifest or index, with the media type it is to be stored as. */
export interface PushDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface PushImage {
  /** Config and layers. */
  readonly blobs: readonly PushBlob[];
  /** Manifests first, their index last; the last one gets the tag. */
  readonly documents: readonly PushDocument[];
}

export interface PushOptions extends TransferListener {
  /** How many blobs at once. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For registries that take no large requests: blobs go in pieces of this size. */
  readonly chunkBytes?: number | undefined;
}

const DEFAULT_JOBS = 3;

/** Uploads what the registry lacks, blobs before the manifests that name them. The answer is the digest under which it can be pulled. */
export async function pushImage(
  client: RegistryClient,
  reference: Reference,
  image: PushImage,
  options: PushOptions = {},
): Promise<Digest> {
  const named = withDefaultTag(reference);
  const endpoint = client.pushEndpoint(named);
  const top = image.documents.at(-1);
  if (top === undefined) throw new Error("an image without a manifest");

  await uploadBlobs(client, endpoint, image.blobs, options);
  for (const document of image.documents) {
    const name = document === top ? (named.tag ?? document.descriptor.digest) : document.descriptor.digest;
    await putManifest(client, endpoint, document, {
      name,
      subject: formatFamiliar(named),
      signal: options.signal,
    });
  }
  return top.descriptor.digest;
}

/** Every blob that the repository lacks, each digest once, several at a time. */
export async function uploadBlobs(
  client: RegistryClient,
  endpoint: Endpoint,
  blobs: readonly PushBlob[],
  options: PushOptions = {},
): Promise<void> {
  const unique = [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
  const uploads = unique.map((blob) => ({ blob, tell: transferTeller(options, "push", blob.descriptor) }));
  for (const { tell } of uploads) tell("waiting", 0);
  const { chunkBytes } = options;
  await forEachParallel(
    uploads,
    { jobs: options.jobs ?? DEFAULT_JOBS, signal: options.signal },
    ({ blob, tell }, signal) => uploadBlob(client, endpoint, blob, { tell, signal, chunkBytes }),
  );
}

export interface PutHow {
  /** Tag or digest. */
  readonly name: string;
  readonly subject: string;
  readonly signal: AbortSignal | undefined;
}

/** True where the registry says that it lists the manifest among its subject's referrers (OCI distribution-spec, OCI-Subject). */
export async function putManifest(
  client: RegistryClient,
  endpoint: Endpoint,
  { descriptor, bytes }: PushDocument,
  { name, subject, signal }: PutHow,
): Promise<boolean> {
  const response = await client.send(endpoint, {
    method: "PUT",
    path: `manifests/${name}`,
    headers: { "content-type": descriptor.mediaType, "content-length": String(bytes.length) },
    body: () => bytes,
    expect: [200, 201, 202],
    access: "pull,push",
    subject,
    signal,
  });
  await response.discard();
  const stored = parseDigest(response.header("docker-content-digest") ?? "");
  if (stored !== undefined && stored !== descriptor.digest) {
    throw new BuildError(
      "registry/digest-mismatch",
      `${endpoint.host} stored ${subject} as ${stored}, it is ${descriptor.digest}`,
      {
        hint: "The registry rewrote the manifest; a pull of it gives another image.",
      },
    );
  }
  return response.header("oci-subject") !== undefined;
}
