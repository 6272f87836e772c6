import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { LayerRef } from "../core/ports.ts";
import { encodeDockerManifest, encodeIndex } from "../image/encode.ts";
import { type BlobContent } from "../output/archive-output.ts";
import type { PackedImage } from "../output/image-archive.ts";
import type { Annotation, ImageEncoding, OutputCompression } from "../output/output-spec.ts";
import { annotationsAt } from "./annotations.ts";
import type { BuiltImage } from "./assemble-image.ts";
import { compressedBlob, isCompressedLayer, writeTarBlob } from "./compressed-blob.ts";
import { childDescriptor } from "./keep-build.ts";
import { manifestOver, storedContent, tarContent } from "./pack-image.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

export interface PackBuildHow {
  readonly encoding: ImageEncoding & { readonly annotations: readonly Annotation[] };
  /** Where the encoding says none. */
  readonly usual: OutputCompression;
  /** Every blob must be a file of the store: for a registry, which may ask for it twice. */
  readonly mustStore: boolean;
  readonly options: BuildOptions;
  readonly shop: Workshop;
}

/** A packed image, and the descriptors that an upload of it needs. */
export interface PackedBuild extends Omit<PackedImage, "names"> {
  /** Layers of every platform, with their media types. */
  readonly blobs: readonly Descriptor[];
}

/** What was built, encoded for one output: a manifest, or an index over one for each platform. */
export async function packBuild(images: readonly BuiltImage[], how: PackBuildHow): Promise<PackedBuild> {
  const packed: PackedBuild[] = [];
  for (const image of images) packed.push(await packOne(image, how));
  const [only] = packed;
  const { annotations } = how.encoding;
  if (only !== undefined && how.options.platforms === undefined) {
    const own = annotationsAt("manifest-descriptor", annotations, images[0]?.platform);
    return { ...only, ...(Object.keys(own).length === 0 ? {} : { annotations: own }) };
  }
  const children = packed.flatMap(({ top }, i) => {
    const image = images[i];
    return image === undefined ? [] : [childDescriptor(top, image, { ...how.options, annotations })];
  });
  const index = encodeIndex(children, {
    annotations: annotationsAt("index", annotations),
    isDocker: !how.encoding.ociMediaTypes,
  });
  const own = annotationsAt("index-descriptor", annotations);
  return {
    top: index,
    layers: packed.flatMap(({ layers }) => layers),
    blobs: packed.flatMap(({ blobs }) => blobs),
    documents: packed.flatMap(({ documents, top }) => [
      ...documents,
      { digest: top.descriptor.digest, bytes: top.bytes },
    ]),
    ...(Object.keys(own).length === 0 ? {} : { annotations: own }),
  };
}

async function packOne(image: BuiltImage, how: PackBuildHow): Promise<PackedBuild> {
  const parts: { readonly blob: Descriptor; readonly content: BlobContent }[] = [];
  for (const layer of image.layers) parts.push(await encodeLayer(layer, how));
  const blobs = parts.map(({ blob }) => blob);
  const { descriptor, bytes } = image.config;
  const config = { digest: descriptor.digest, bytes };
  const top = how.encoding.ociMediaTypes
    ? manifestOver(config, blobs, annotationsAt("manifest", how.encoding.annotations, image.platform))
    : encodeDockerManifest(descriptor, blobs);
  return {
    top,
    blobs,
    layers: parts.map(({ content }) => content),
    documents: [config],
    config: config.digest,
  };
}

async function encodeLayer(
  layer: LayerRef,
  { encoding, usual, mustStore, shop }: PackBuildHow,
): Promise<{ readonly blob: Descriptor; readonly content: BlobContent }> {
  const as = encoding.compression ?? usual;
  const came = shop.shelf.blobOf(layer);
  // As BuildKit: what came compressed, in a base image, goes on as it came, unless it is forced.
  const keep = isCompressedLayer(came) && !encoding.forceCompression && as !== "uncompressed";
  if (keep)
    return { blob: { ...came, mediaType: toOci(came.mediaType) }, content: storedContent(came, shop) };
  if (as === "uncompressed") {
    if (mustStore) await writeTarBlob(layer, shop);
    const content = tarContent(layer, shop);
    return { blob: { mediaType: MEDIA_TYPE.ociLayer, digest: content.digest, size: content.size }, content };
  }
  const blob = await compressedBlob(layer, as, shop, encoding.level);
  const mediaType = as === "gzip" ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayerZstd;
  return { blob: { mediaType, digest: blob.digest, size: blob.size }, content: storedContent(blob, shop) };
}

function toOci(mediaType: string): string {
  return mediaType === MEDIA_TYPE.dockerLayerGzip ? MEDIA_TYPE.ociLayerGzip : mediaType;
}
