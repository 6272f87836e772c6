import { createHash } from "node:crypto";
import { type Descriptor, MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { type Digest, requireDigest } from "../../src/core/digest.ts";
import { openRegistryClient, type RegistryClient, type RegistryOptions } from "../../src/registry/client.ts";
import { NO_REGISTRY_CONFIG } from "../../src/registry/config-files.ts";
import type { PushDocument, PushImage } from "../../src/registry/push.ts";
import type { RetryPolicy } from "../../src/registry/retry.ts";

export const AMD64 = { os: "linux", architecture: "amd64" };

export function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

/** Bytes that do not repeat, the same for the same seed. */
export function noise(seed: string, bytes: number): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest();
}

export function describeBytes(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

export interface SampleImage extends PushImage {
  readonly manifest: PushDocument;
  readonly layers: readonly Buffer[];
}

/** An image whose layers are noise: no registry looks into them. */
export function sampleImage(
  layers: readonly Buffer[],
  { format = "oci", seed = "" }: { readonly format?: "oci" | "docker"; readonly seed?: string } = {},
): SampleImage {
  const isOci = format === "oci";
  const config = Buffer.from(
    JSON.stringify({
      ...AMD64,
      author: seed,
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    }),
  );
  const blobs = [
    {
      bytes: config,
      descriptor: describeBytes(config, isOci ? MEDIA_TYPE.ociConfig : MEDIA_TYPE.dockerConfig),
    },
    ...layers.map((bytes) => ({
      bytes,
      descriptor: describeBytes(bytes, isOci ? MEDIA_TYPE.ociLayer : MEDIA_TYPE.dockerLayerGzip),
    })),
  ];
  const [first, ...rest] = blobs.map(({ descriptor }) => descriptor);
  const mediaType = isOci ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest;
  const manifest = documentOf({ schemaVersion: 2, mediaType, config: first, layers: rest }, mediaType);
  return {
    layers,
    manifest,
    documents: [manifest],
    blobs: blobs.map(({ bytes, descriptor }) => ({
      descriptor,
      open: (startAt) => chunksOf(bytes.subarray(startAt)),
    })),
  };
}

export function documentOf(json: object, mediaType: string): PushDocument {
  const bytes = Buffer.from(JSON.stringify(json));
  return { bytes, descriptor: describeBytes(bytes, mediaType) };
}

export async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 32 * 1024) yield bytes.subarray(at, at + 32 * 1024);
}

export async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Waits that only take notes. */
export function recordedRetry(attempts = 4): RetryPolicy & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    attempts,
    waits,
    random: () => 0,
    delay: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  };
}

/** A client that knows nothing of this machine's files and never waits. */
export function testClient(options: Partial<RegistryOptions> = {}): RegistryClient {
  return openRegistryClient({
    version: "0.0.0-test",
    env: {},
    home: "/nonexistent",
    config: NO_REGISTRY_CONFIG,
    retry: recordedRetry(),
    ...options,
  });
}
