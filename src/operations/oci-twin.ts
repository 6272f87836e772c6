import { MEDIA_TYPE } from "../core/descriptor.ts";
import type { ImageManifest } from "../core/image.ts";
import { encodeJson } from "../image/encode.ts";
import type { ManifestRef } from "../store/image-files.ts";
import type { Workshop } from "./workshop.ts";

/** An OCI manifest over the blobs of a Docker one: readers of an OCI layout refuse Docker's media types. */
export function ociTwin(manifest: ImageManifest, shop: Workshop): ManifestRef {
  const twin = encodeJson(
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { ...manifest.config, mediaType: MEDIA_TYPE.ociConfig },
      layers: manifest.layers.map((layer) => ({ ...layer, mediaType: toOciLayer(layer.mediaType) })),
    },
    MEDIA_TYPE.ociManifest,
  );
  shop.store.blobs.write(twin.bytes);
  return twin.descriptor;
}

function toOciLayer(mediaType: string): string {
  if (mediaType === MEDIA_TYPE.dockerLayerGzip) return MEDIA_TYPE.ociLayerGzip;
  return mediaType === MEDIA_TYPE.dockerLayer ? MEDIA_TYPE.ociLayer : mediaType;
}
