import type { Descriptor } from "../core/descriptor.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { ImageIndex, ImageManifest } from "../core/image.ts";
import { formatPlatform, type Platform, samePlatform } from "../core/platform.ts";
import { formatFamiliar, type Reference, withDefaultTag } from "../core/reference.ts";
import type { RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  ACCEPT,
  foreignUrls,
  MAX_MANIFEST_BYTES,
  type ManifestDocument,
  readManifestDocument,
} from "./manifest-document.ts";
import { throwIfCanceled } from "./transport.ts";

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  /** Manifests that are here already: where a tag still stands for one of them, it is not transferred again. */
  readonly known?: ((digest: Digest) => Uint8Array | undefined) | undefined;
}

/** Where the blobs of a manifest come from. */
export interface BlobSource {
  /** The one that had the manifest, then those after it. */
  readonly endpoints: readonly Endpoint[];
  /** Addresses outside the registry, for layers that it may not have. */
  readonly foreignUrls: ReadonlyMap<Digest, readonly string[]>;
}

export interface ResolvedManifest {
  readonly reference: Reference;
  /** What the name stands for: the index's digest where there is one (RepoDigests), else the manifest's. */
  readonly digest: Digest;
  /** The index that the manifest was chosen from. */
  readonly index?:
    | { readonly descriptor: Descriptor; readonly bytes: Buffer; readonly index: ImageIndex }
    | undefined;
  /** The manifest for the platform, byte for byte. */
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly manifest: ImageManifest;
  readonly source: BlobSource;
}

const MAX_INDEX_DEPTH = 3;

/**
 * The image that a name stands for, on this platform. Mirrors are asked first; what goes wrong with one is noted and the
 * next one asked. A manifest without an index is taken as it is: its platform stands in its config.
 */
export async function resolveManifest(
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  options: PullOptions = {},
): Promise<ResolvedManifest> {
  const asked = withDefaultTag(reference);
  return atFirstEndpoint(client, asked, options.signal, (endpoints) =>
    resolveAt(client, { asked, platform, endpoints }, options),
  );
}

/** The first place that serves a reference without failing; `ask` gets it with those after it. Failures of mirrors are noted. */
export async function atFirstEndpoint<T>(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal | undefined,
  ask: (endpoints: readonly Endpoint[]) => Promise<T>,
): Promise<T> {
  const endpoints = client.pullEndpoints(reference);
  for (const [place, endpoint] of endpoints.entries()) {
    try {
      return await ask(endpoints.slice(place));
    } catch (error) {
      throwIfCanceled(signal);
      if (!(error instanceof BuildError) || place === endpoints.length - 1) throw error;
      client.note(`mirror ${endpoint.host}: ${error.message}`);
    }
  }
  throw new Error("no endpoint");
}

interface Question {
  readonly asked: Reference;
  readonly platform: Platform;
  readonly endpoints: readonly Endpoint[];
}

async function resolveAt(
  client: RegistryClient,
  question: Question,
  options: PullOptions,
): Promise<ResolvedManifest> {
  const { asked, endpoints } = question;
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new Error("no endpoint");
  const fetch = (wanted: Wanted) => fetchManifest(client, endpoint, wanted, options);
  const subject = formatFamiliar(asked);

  const top = await fetch({ subject, name: asked.digest ?? asked.tag ?? "latest", digest: asked.digest });
  let document = top;
  for (let depth = 0; document.kind === "index"; depth++) {
    if (depth === MAX_INDEX_DEPTH)
      throw new BuildError("registry/bad-response", `${subject}: lists of lists of images`);
    const { digest, size } = choosePlatform(document.index, question.platform, subject);
    document = await fetch({ subject, name: digest, digest, size });
  }
  return {
    reference: asked,
    digest: top.descriptor.digest,
    ...(top.kind === "index" ? { index: top } : {}),
    descriptor: document.descriptor,
    bytes: document.bytes,
    manifest: document.manifest,
    source: { endpoints, foreignUrls: foreignUrls(document.bytes) },
  };
}

export interface Wanted {
  /** As people name the image. */
  readonly subject: string;
  /** Tag or digest. */
  readonly name: string;
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** One manifest or index of one place, its digest and kind checked. */
export async function fetchManifest(
  client: RegistryClient,
  endpoint: Endpoint,
  wanted: Wanted,
  options: PullOptions,
): Promise<ManifestDocument> {
  const { subject } = wanted;
  const here = await findKnown(client, endpoint, wanted, options);
  if (here !== undefined) return readManifestDocument(Buffer.from(here.bytes), { subject, ...here });

  const request = { ...manifestRequest(wanted, options), method: "GET", expect: [200] } as const;
  const { response, body } = await client.sendForBody(endpoint, request, MAX_MANIFEST_BYTES);
  return readManifestDocument(body, {
    subject,
    contentType: response.header("content-type"),
    digest: wanted.digest ?? parseDigest(response.header("docker-content-digest") ?? ""),
    size: wanted.size,
  });
}

/** By digest without asking; by tag after a HEAD, which is cheap and counts against no limit of Docker Hub. */
async function findKnown(
  client: RegistryClient,
  endpoint: Endpoint,
  wanted: Wanted,
  options: PullOptions,
): Promise<{ bytes: Uint8Array; digest: Digest; contentType: string | undefined } | undefined> {
  const { known } = options;
  if (known === undefined) return undefined;
  if (wanted.digest !== undefined) {
    const bytes = known(wanted.digest);
    return bytes === undefined ? undefined : { bytes, digest: wanted.digest, contentType: undefined };
  }
  // Not every registry answers a HEAD; the GET that follows says what is wrong.
  const request = {
    ...manifestRequest(wanted, options),
    method: "HEAD",
    expect: [200, 400, 404, 405],
  } as const;
  const response = await client.send(endpoint, request);
  await response.discard();
  const digest = parseDigest(response.header("docker-content-digest") ?? "");
  const bytes = digest === undefined || response.status !== 200 ? undefined : known(digest);
  if (bytes === undefined || digest === undefined) return undefined;
  return { bytes, digest, contentType: response.header("content-type") };
}

function manifestRequest({ name, subject }: Wanted, { signal }: PullOptions) {
  return { path: `manifests/${name}`, headers: { accept: ACCEPT }, subject, signal };
}

/** The entry for a platform; `registry/no-platform` lists what there is. Attestations are no images. */
export function choosePlatform(index: ImageIndex, platform: Platform, subject: string): Descriptor {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const found = images.find(
    (entry) => entry.platform !== undefined && samePlatform(entry.platform, platform),
  );
  const compatible = found ?? olderArm(images, platform);
  if (compatible !== undefined) return compatible;
  const [only] = images;
  if (images.length === 1 && only !== undefined && only.platform === undefined) return only;
  const there = [
    ...new Set(
      images.map((entry) => (entry.platform === undefined ? "unnamed" : formatPlatform(entry.platform))),
    ),
  ];
  throw new BuildError("registry/no-platform", `${subject} has no image for ${formatPlatform(platform)}`, {
    hint: there.length === 0 ? "Its index lists no image at all." : `It has: ${there.join(", ")}.`,
  });
}

function isAttestation(entry: Descriptor): boolean {
  return entry.platform?.os === "unknown" || entry.annotations?.["vnd.docker.reference.type"] !== undefined;
}

/** 32-bit ARM runs what was built for its elder versions: the newest of them. */
function olderArm(images: readonly Descriptor[], platform: Platform): Descriptor | undefined {
  if (platform.architecture !== "arm") return undefined;
  const own = Number(/^v(\d+)$/.exec(platform.variant ?? "v7")?.[1] ?? 7);
  const elders = Array.from({ length: Math.max(own - 5, 0) }, (_, index) => `v${own - 1 - index}`);
  return elders
    .map((variant) =>
      images.find(
        (entry) => entry.platform !== undefined && samePlatform(entry.platform, { ...platform, variant }),
      ),
    )
    .find((entry) => entry !== undefined);
}
