import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform, samePlatform } from "../core/platform.ts";
import { formatFamiliar, parseReference } from "../core/reference.ts";
import { parseConfig, parseIndex, parseManifest } from "../image/parse.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import { readImageDocument } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** True for an image of several platforms: its id is its index's digest. */
export function isIndex(image: StoredImage): boolean {
  return image.manifests.some(({ digest, mediaType }) => digest === image.id && isIndexType(mediaType));
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.ociIndex || mediaType === MEDIA_TYPE.dockerManifestList;
}

/** The manifests of an index that are for a platform and here: its images. */
export function imagesOfIndex(image: StoredImage, shop: Workshop): readonly Descriptor[] {
  const { manifests } = parseIndex(readImageDocument(image.id, shop.store));
  return manifests.filter(
    ({ digest, platform }) =>
      platform !== undefined && platform.os !== "unknown" && shop.store.blobs.has(digest),
  );
}

/**
 * An image for one platform: itself where it is of one; of an index the one for `platform` (this machine's where none is given, else
 * the first). Throws `image/no-platform`.
 */
export function singleImage(image: StoredImage, platform: Platform | undefined, shop: Workshop): StoredImage {
  if (!isIndex(image)) {
    if (platform === undefined || image.platform === formatPlatform(platform)) return image;
    throw noPlatform(image, platform, [image.platform]);
  }
  const children = imagesOfIndex(image, shop);
  const wanted = platform ?? HOST_PLATFORM;
  const fitting = children.find(
    (child) => child.platform !== undefined && samePlatform(child.platform, wanted),
  );
  const child = fitting ?? (platform === undefined ? children[0] : undefined);
  if (child === undefined)
    throw noPlatform(
      image,
      wanted,
      children.flatMap((known) => (known.platform === undefined ? [] : [formatPlatform(known.platform)])),
    );
  return childImage(image, child, shop);
}

/** One manifest of an index as an image of its own. */
export function childImage(image: StoredImage, child: Descriptor, shop: Workshop): StoredImage {
  const { mediaType, digest, size } = child;
  const manifest = parseManifest(readImageDocument(digest, shop.store));
  const config = parseConfig(readImageDocument(manifest.config.digest, shop.store));
  return {
    ...image,
    id: manifest.config.digest,
    manifest: digest,
    manifests: [{ mediaType, digest, size }],
    created: config.created ?? null,
    sizeBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    platform: formatPlatform(config),
  };
}

function noPlatform(image: StoredImage, wanted: Platform, known: readonly string[]): BuildError {
  const [name] = image.names;
  const shown = name === undefined ? image.id : formatFamiliar(parseReference(name));
  return new BuildError("image/no-platform", `${shown} is not here for ${formatPlatform(wanted)}`, {
    hint: `It is here for ${known.join(", ")}. Build or pull it with --platform=${formatPlatform(wanted)}.`,
  });
}
