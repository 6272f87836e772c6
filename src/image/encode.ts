import { createHash } from "node:crypto";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import type { ImageConfig, ImageManifest } from "../core/image.ts";

/** A document as it is stored: its bytes and their descriptor. */
export interface EncodedDocument {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/** The bytes of an image configuration: their digest is the image id. */
export function encodeConfig(config: ImageConfig): EncodedDocument {
  return encodeJson(config, MEDIA_TYPE.ociConfig);
}

/** The manifest of an image over layer blobs: uncompressed tars for what was built, pulled ones as they came. */
export function encodeManifest(config: Descriptor, layers: readonly Descriptor[]): EncodedDocument {
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  return encodeJson(manifest, MEDIA_TYPE.ociManifest);
}

export function encodeJson(value: unknown, mediaType: string): EncodedDocument {
  const bytes = Buffer.from(JSON.stringify(value), "utf8");
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

export function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}
