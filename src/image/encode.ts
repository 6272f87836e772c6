import { createHash } from "node:crypto";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import type { ImageConfig, ImageIndex, ImageManifest } from "../core/image.ts";

/** A document as it is stored: its bytes and their descriptor. */
export interface EncodedDocument {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/** The bytes of an image configuration: their digest is the image id. */
export function encodeConfig(config: ImageConfig): EncodedDocument {
  return encodeJson(config, MEDIA_TYPE.ociConfig);
}

export type Annotations = Readonly<Record<string, string>>;

/** The manifest of an image over layer blobs: uncompressed tars for what was built, pulled ones as they came. */
export function encodeManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Annotations = {},
): EncodedDocument {
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    ...annotationsField(annotations),
  };
  return encodeJson(manifest, MEDIA_TYPE.ociManifest);
}

const DOCKER_TYPE_OF: Readonly<Record<string, string>> = {
  [MEDIA_TYPE.ociLayer]: MEDIA_TYPE.dockerLayer,
  [MEDIA_TYPE.ociLayerGzip]: MEDIA_TYPE.dockerLayerGzip,
};

/** The same with Docker's media types (Docker image manifest v2 schema 2), which know neither zstd nor annotations. */
export function encodeDockerManifest(config: Descriptor, layers: readonly Descriptor[]): EncodedDocument {
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.dockerManifest,
    config: { mediaType: MEDIA_TYPE.dockerConfig, digest: config.digest, size: config.size },
    layers: layers.map(({ mediaType, digest, size }) => ({
      mediaType: DOCKER_TYPE_OF[mediaType] ?? mediaType,
      digest,
      size,
    })),
  };
  return encodeJson(manifest, MEDIA_TYPE.dockerManifest);
}

/** An index over manifests of several platforms (OCI image-spec image-index.md; Docker: a manifest list). */
export function encodeIndex(
  manifests: readonly Descriptor[],
  { annotations = {}, isDocker = false }: { readonly annotations?: Annotations; readonly isDocker?: boolean },
): EncodedDocument {
  const mediaType = isDocker ? MEDIA_TYPE.dockerManifestList : MEDIA_TYPE.ociIndex;
  const index: ImageIndex = { schemaVersion: 2, mediaType, manifests, ...annotationsField(annotations) };
  return encodeJson(index, mediaType);
}

/** Sorted, so that equal annotations are equal bytes; none: no field. */
function annotationsField(annotations: Annotations): { readonly annotations?: Annotations } {
  const pairs = Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? {} : { annotations: Object.fromEntries(pairs) };
}

export function encodeJson(value: unknown, mediaType: string): EncodedDocument {
  const bytes = Buffer.from(JSON.stringify(value), "utf8");
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

export function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}
