import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { LayerRef } from "../core/ports.ts";
import { formatFull, parseReference, withDefaultTag } from "../core/reference.ts";
import { type Annotations, type EncodedDocument, encodeManifest } from "../image/encode.ts";
import type { Workshop } from "./workshop.ts";

export interface ExportedImage {
  readonly id: Digest;
  readonly digest: Digest;
  /** Of the manifest, or the index, that names point to. */
  readonly descriptor: Descriptor;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly layers: number;
}

/** Keeps an image over layers that are in the store, and gives it its names. */
export function keepImage(
  config: EncodedDocument,
  layers: readonly LayerRef[],
  { created, tags, platform, shop, annotations }: KeepOptions,
): ExportedImage {
  const { store, shelf } = shop;
  const manifest = encodeManifest(
    config.descriptor,
    layers.map((layer) => shelf.blobOf(layer)),
    annotations,
  );
  store.blobs.write(config.bytes);
  store.blobs.write(manifest.bytes);
  const { digest: id } = config.descriptor;
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
  store.images.add({
    id,
    manifests: [manifest.descriptor],
    names: tags.map((tag) => fullName(tag)),
    created,
    sizeBytes,
    platform: formatPlatform(platform),
  });
  const { descriptor } = manifest;
  return { id, digest: descriptor.digest, descriptor, tags, sizeBytes, layers: layers.length };
}

interface KeepOptions {
  readonly created: string | null;
  readonly tags: readonly string[];
  readonly platform: Platform;
  readonly shop: Workshop;
  /** Of the manifest. */
  readonly annotations?: Annotations | undefined;
}

/** `hello` to `docker.io/library/hello:latest`. A digest names nothing new. */
export function fullName(tag: string): string {
  const reference = parseReference(tag);
  if (reference.digest === undefined) return formatFull(withDefaultTag(reference));
  throw new BuildError("image/bad-reference", `"${tag}" has a digest; a new image is named by a tag`, {
    hint: "Leave the part from @ on out.",
  });
}
