import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { formatPlatform } from "../core/platform.ts";
import { type EncodedDocument, encodeIndex, encodeManifest } from "../image/encode.ts";
import { isFilesOnly } from "../output/output-spec.ts";
import { annotationsAt } from "./annotations.ts";
import type { BuiltImage } from "./assemble-image.ts";
import { type ExportedImage, fullName, keepImage } from "./keep-image.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/**
 * Keeps what was built in the store: one image, or several platforms under an index. Undefined where the outputs are files alone and
 * nothing was given a name: as from buildx, there is no image then, and its layers are the cache's.
 */
export function keepBuild(
  images: readonly BuiltImage[],
  options: BuildOptions,
  shop: Workshop,
): ExportedImage | undefined {
  const outputs = options.outputs ?? [];
  const named = outputs.flatMap((output) => (output.type === "image" ? output.names : []));
  const tags = [...new Set([...(options.tags ?? []), ...named])];
  if (tags.length === 0 && isFilesOnly(outputs)) return undefined;
  const [only] = images;
  if (only === undefined) throw new Error("a build of no platform");
  if (options.platforms === undefined) {
    const annotations = annotationsAt("manifest", options.annotations ?? [], only.platform);
    const { created, platform } = only;
    return keepImage(only.config, only.layers, { created, tags, platform, shop, annotations });
  }
  return keepIndex(images, { tags, options, shop });
}

/** The platforms' images are reached by their index alone: they are no images of the store by themselves. */
function keepIndex(
  images: readonly BuiltImage[],
  {
    tags,
    options,
    shop,
  }: { readonly tags: readonly string[]; readonly options: BuildOptions; readonly shop: Workshop },
): ExportedImage {
  const { store, shelf } = shop;
  const annotations = options.annotations ?? [];
  const children = images.map((image): Descriptor => {
    const manifest = encodeManifest(
      image.config.descriptor,
      image.layers.map((layer) => shelf.blobOf(layer)),
      annotationsAt("manifest", annotations, image.platform),
    );
    store.blobs.write(image.config.bytes);
    store.blobs.write(manifest.bytes);
    return childDescriptor(manifest, image, options);
  });
  const index = encodeIndex(children, { annotations: annotationsAt("index", annotations) });
  store.blobs.write(index.bytes);
  const layers = images.flatMap((image) => image.layers);
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
  const { digest } = index.descriptor;
  store.images.add({
    id: digest,
    manifests: [{ mediaType: MEDIA_TYPE.ociIndex, digest, size: index.bytes.length }],
    names: tags.map((tag) => fullName(tag)),
    created: images.reduce<string | null>((last, { created }) => later(last, created), null),
    sizeBytes,
    platform: images.map(({ platform }) => formatPlatform(platform)).join(","),
  });
  return { id: digest, digest, descriptor: index.descriptor, tags, sizeBytes, layers: layers.length };
}

/** A platform's entry in an index. */
export function childDescriptor(
  manifest: EncodedDocument,
  { platform }: BuiltImage,
  { annotations = [] }: BuildOptions,
): Descriptor {
  const own = annotationsAt("manifest-descriptor", annotations, platform);
  const { os, architecture, variant } = platform;
  return {
    ...manifest.descriptor,
    platform: { architecture, os, ...(variant === undefined || variant === "" ? {} : { variant }) },
    ...(Object.keys(own).length === 0 ? {} : { annotations: own }),
  };
}

function later(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b > a) ? b : a;
}
