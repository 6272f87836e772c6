import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { BuildError } from "../core/errors.ts";
import { formatFamiliar, type Reference } from "../core/reference.ts";
import { digestOf, encodeJson } from "../image/encode.ts";
import type { RegistryClient } from "./client.ts";
import { fetchBlob, fetchSmallBlob } from "./fetch-blob.ts";
import { parseJsonObject } from "./json.ts";
import { ACCEPT, foreignUrls, MAX_MANIFEST_BYTES, readManifestDocument } from "./manifest-document.ts";
import { pushImage } from "./push.ts";
import type { PushBlob } from "./upload-blob.ts";

/** The configuration of a manifest that holds one result of one step: what makes it no image. */
export const CACHE_RECORD_TYPE = "application/vnd.tsbuild.cache.record.v1+json";

/** Of both forms in which BuildKit exports a cache: as an index, and as an image manifest. */
const BUILDKIT_CONFIG = "application/vnd.buildkit.cacheconfig.";

/** One result: a manifest of its own, under a tag made of its key, so that any number of writers never touch each other's. */
export interface CacheEntryPlace {
  /** `host/team/cache:main`: the tag is the name of the cache, several may share a repository. */
  readonly reference: Reference;
  /** 64 hex digits. */
  readonly key: string;
}

export interface FoundEntry {
  readonly record: Buffer;
  /** The layer, where the step made one; its bytes are for the reader to check. */
  readonly blob: Descriptor | undefined;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Undefined where nothing is published under that key. Anything but a cache entry there is `registry/bad-response`. */
export async function findCacheEntry(
  client: RegistryClient,
  place: CacheEntryPlace,
  signal: AbortSignal,
): Promise<FoundEntry | undefined> {
  const endpoint = client.pushEndpoint(place.reference);
  const subject = nameOf(place);
  const { response, body } = await client.sendForBody(
    endpoint,
    {
      method: "GET",
      path: `manifests/${tagOf(place)}`,
      headers: { accept: ACCEPT },
      expect: [200, 404],
      subject,
      signal,
    },
    MAX_MANIFEST_BYTES,
  );
  if (response.status === 404) return undefined;
  const document = readManifestDocument(body, { subject, contentType: response.header("content-type") });
  if (document.kind !== "manifest" || document.manifest.config.mediaType !== CACHE_RECORD_TYPE)
    throw new BuildError("registry/bad-response", `${subject} is no result of a build step`);
  const { config, layers } = document.manifest;
  const source = { endpoints: [endpoint], foreignUrls: foreignUrls(document.bytes) };
  const record = await fetchSmallBlob(client, source, config, signal);
  // An entry without a layer repeats its record there: not every registry takes a manifest without layers.
  const blob = layers.find(({ mediaType }) => mediaType !== CACHE_RECORD_TYPE);
  return {
    record,
    blob,
    open: () => (blob === undefined ? nothing() : fetchBlob(client, source, blob, { signal })),
  };
}

/** The layer first, the manifest last: an entry that can be found is whole. */
export async function putCacheEntry(
  client: RegistryClient,
  place: CacheEntryPlace,
  entry: { readonly record: Buffer; readonly blob: PushBlob | undefined },
  signal: AbortSignal,
): Promise<void> {
  const record = describeRecord(entry.record);
  const config: PushBlob = { descriptor: record, open: (start) => bytesOf(entry.record.subarray(start)) };
  const layer = entry.blob ?? config;
  const { mediaType, digest, size } = layer.descriptor;
  const manifest = encodeJson(
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      artifactType: CACHE_RECORD_TYPE,
      config: record,
      layers: [{ mediaType, digest, size }],
    },
    MEDIA_TYPE.ociManifest,
  );
  const name = { ...place.reference, tag: tagOf(place) };
  await pushImage(client, name, { blobs: [config, layer], documents: [manifest] }, { signal });
}

export async function hasCacheEntry(
  client: RegistryClient,
  place: CacheEntryPlace,
  signal: AbortSignal,
): Promise<boolean> {
  const response = await client.send(client.pushEndpoint(place.reference), {
    method: "HEAD",
    path: `manifests/${tagOf(place)}`,
    headers: { accept: ACCEPT },
    expect: [200, 404],
    subject: nameOf(place),
    access: "pull,push",
    signal,
  });
  await response.discard();
  return response.status === 200;
}

/**
 * What lies under the bare name of a cache: nothing, normally. A cache of BuildKit's, which keeps everything in one manifest
 * there, is `cache/foreign`.
 */
export async function refuseForeignCache(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<void> {
  const { response, body } = await client.sendForBody(
    client.pushEndpoint(reference),
    {
      method: "GET",
      path: `manifests/${reference.tag ?? "latest"}`,
      headers: { accept: ACCEPT },
      expect: [200, 404],
      subject: formatFamiliar(reference),
      signal,
    },
    MAX_MANIFEST_BYTES,
  );
  if (response.status === 404 || !isBuildKitCache(body)) return;
  throw foreignCache(formatFamiliar(reference));
}

export function foreignCache(name: string): BuildError {
  return new BuildError("cache/foreign", `${name} is a cache that BuildKit wrote`, {
    hint: "Its keys are made by other rules, so none of its results can be met. Give tsbuild a name of its own.",
  });
}

function isBuildKitCache(body: Buffer): boolean {
  return parseJsonObject(body.toString("utf8")) !== undefined && body.includes(BUILDKIT_CONFIG);
}

function tagOf({ reference, key }: CacheEntryPlace): string {
  return `${reference.tag ?? "latest"}.${key}`;
}

function nameOf(place: CacheEntryPlace): string {
  return formatFamiliar({ ...place.reference, tag: tagOf(place) });
}

function describeRecord(bytes: Buffer): Descriptor {
  return { mediaType: CACHE_RECORD_TYPE, digest: digestOf(bytes), size: bytes.length };
}

async function* bytesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
