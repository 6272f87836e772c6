import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import type { LayerRef } from "../core/ports.ts";
import { type Annotations, type EncodedDocument, encodeIndex, encodeManifest } from "../image/encode.ts";
import { parseConfig, parseIndex, parseManifest } from "../image/parse.ts";
import { type BlobContent, piecesOfFile } from "../output/archive-output.ts";
import type { PackedImage } from "../output/image-archive.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { compressedBlob, type LayerCompression, tarStream } from "./compressed-blob.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { tarDigest } from "./layer-shelf.ts";
import { childImage, imagesOfIndex } from "./platform-images.ts";
import { readImageDocument } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** How an image of the store is packed: its layers as plain tars, as their blobs are, or compressed. */
export type PackEncoding =
  | { readonly type: "tars" }
  | { readonly type: "stored" }
  | { readonly type: "compressed"; readonly as: LayerCompression };

/** A stored image of one platform, without names. */
export async function packImage(
  image: StoredImage,
  encoding: PackEncoding,
  shop: Workshop,
): Promise<Omit<PackedImage, "names">> {
  const bytes = readImageDocument(image.id, shop.store);
  const config = { digest: image.id, bytes };
  const stack = await ensureLayers({ manifest: image.manifest, config: parseConfig(bytes) }, shop);
  const { top, layers } = await encodeLayers(image, config, { layers: stack.layers, encoding, shop });
  return { top, layers, documents: [config], config: image.id };
}

/** A stored index with every platform of it that is here. As stored it is the index itself; compressed it is another one. */
export async function packIndex(
  image: StoredImage,
  encoding: PackEncoding,
  shop: Workshop,
): Promise<Omit<PackedImage, "names">> {
  const stored = readImageDocument(image.id, shop.store);
  const { mediaType, annotations } = parseIndex(stored);
  const packed: (Omit<PackedImage, "names"> & { readonly child: Descriptor })[] = [];
  for (const child of imagesOfIndex(image, shop)) {
    packed.push({ ...(await packImage(childImage(image, child, shop), encoding, shop)), child });
  }
  const made = packed.map(({ top, child }) => ({ ...child, ...top.descriptor }));
  const index =
    encoding.type === "stored"
      ? { bytes: stored, descriptor: { mediaType, digest: image.id, size: stored.length } }
      : encodeIndex(made, annotations === undefined ? {} : { annotations });
  return {
    top: index,
    layers: packed.flatMap(({ layers }) => layers),
    documents: packed.flatMap(({ documents, top }) => [
      ...documents,
      { digest: top.descriptor.digest, bytes: top.bytes },
    ]),
  };
}

interface Encoded {
  readonly top: EncodedDocument;
  readonly layers: readonly BlobContent[];
}

async function encodeLayers(
  image: StoredImage,
  config: { readonly digest: Digest; readonly bytes: Buffer },
  {
    layers,
    encoding,
    shop,
  }: { readonly layers: readonly LayerRef[]; readonly encoding: PackEncoding; readonly shop: Workshop },
): Promise<Encoded> {
  switch (encoding.type) {
    case "tars": {
      const tars = layers.map((layer) => tarContent(layer, shop));
      const blobs = tars.map(({ digest, size }) => ({ mediaType: MEDIA_TYPE.ociLayer, digest, size }));
      return { layers: tars, top: manifestOver(config, blobs) };
    }
    case "stored":
      return storedManifest(image, shop);
    case "compressed": {
      const mediaType = encoding.as === "gzip" ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayerZstd;
      const blobs: Descriptor[] = [];
      for (const layer of layers)
        blobs.push({ ...(await compressedBlob(layer, encoding.as, shop)), mediaType });
      return { layers: blobs.map((blob) => storedContent(blob, shop)), top: manifestOver(config, blobs) };
    }
    default:
      return encoding satisfies never;
  }
}

/** The manifest that names point to, and its blobs, as they are. */
function storedManifest(image: StoredImage, shop: Workshop): Encoded {
  const bytes = readImageDocument(image.manifest, shop.store);
  const manifest = parseManifest(bytes);
  const descriptor = { mediaType: manifest.mediaType, digest: image.manifest, size: bytes.length };
  return {
    layers: manifest.layers.map((blob) => storedContent(blob, shop)),
    top: { bytes, descriptor },
  };
}

export function manifestOver(
  config: { readonly digest: Digest; readonly bytes: Buffer },
  blobs: readonly Descriptor[],
  annotations: Annotations = {},
): EncodedDocument {
  const { digest, bytes } = config;
  return encodeManifest({ mediaType: MEDIA_TYPE.ociConfig, digest, size: bytes.length }, blobs, annotations);
}

export function storedContent(
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  shop: Workshop,
): BlobContent {
  return { digest, size, content: () => piecesOfFile(shop.store.blobs.pathOf(digest)) };
}

/** A layer's plain tar, whatever blob holds it. */
export function tarContent(layer: LayerRef, shop: Workshop): BlobContent {
  const digest = tarDigest(layer);
  const { size } = layer;
  if (shop.store.blobs.claim(digest)) return storedContent({ digest, size }, shop);
  return { digest, size, content: () => tarStream(layer, shop) };
}
