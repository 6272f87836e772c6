import { createReadStream } from "node:fs";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { LayerRef } from "../core/ports.ts";
import { compress, decompress } from "../layer/compression.ts";
import { lost, tarDigest } from "./layer-shelf.ts";
import type { Workshop } from "./workshop.ts";

export type LayerCompression = "gzip" | "zstd";

/** As layers travel: both families of media types (OCI image-spec layer.md; Docker image manifest v2 schema 2). */
export const COMPRESSED_AS = {
  gzip: [MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.dockerLayerGzip],
  zstd: [MEDIA_TYPE.ociLayerZstd],
} as const satisfies Record<LayerCompression, readonly string[]>;

const READ_BYTES = 1024 * 1024;

/** True for a layer blob that is compressed, as registries have them. */
export function isCompressedLayer({ mediaType }: Pick<Descriptor, "mediaType">): boolean {
  const types: readonly string[] = [...COMPRESSED_AS.gzip, ...COMPRESSED_AS.zstd];
  return types.includes(mediaType);
}

/**
 * The blob that holds a layer compressed: the one that came or was made earlier, else it is made now, and remembered. With a level it is
 * made at that level, whatever is here: how a blob that came was made is not known.
 */
export async function compressedBlob(
  layer: LayerRef,
  as: LayerCompression,
  shop: Workshop,
  level?: number,
): Promise<Descriptor> {
  const { store } = shop;
  const types: readonly string[] = COMPRESSED_AS[as];
  const known = store.layers.claim(layer.chainId)?.blobs.find(({ mediaType }) => types.includes(mediaType));
  if (known !== undefined && level === undefined) return known;
  using writer = store.blobs.openWriter();
  for await (const piece of compress(tarStream(layer, shop), as, level)) writer.write(piece);
  const blob = { mediaType: COMPRESSED_AS[as][0], ...writer.commit() };
  if (level === undefined) store.layers.addBlobs(layer.chainId, [blob]);
  return blob;
}

/** Makes a layer's plain tar a blob of the store, where it is not one yet. */
export async function writeTarBlob(layer: LayerRef, shop: Workshop): Promise<void> {
  const digest = tarDigest(layer);
  if (shop.store.blobs.claim(digest)) return;
  using writer = shop.store.blobs.openWriter();
  for await (const piece of tarStream(layer, shop)) writer.write(piece);
  writer.commit(digest);
}

/** A layer's tar, from whatever blob holds it. The reader checks its digest, which is the diff id. */
export async function* tarStream(layer: LayerRef, { store }: Workshop): AsyncGenerator<Uint8Array> {
  const tar = tarDigest(layer);
  if (store.blobs.has(tar)) {
    yield* createReadStream(store.blobs.pathOf(tar), { highWaterMark: READ_BYTES });
    return;
  }
  const [blob] = store.layers.claim(layer.chainId)?.blobs ?? [];
  if (blob === undefined) throw lost(layer);
  yield* decompress(createReadStream(store.blobs.pathOf(blob.digest), { highWaterMark: READ_BYTES }));
}
