import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { ImageConfig } from "../core/image.ts";
import { parseConfig } from "../image/parse.ts";
import type { Store } from "../store/store.ts";

/** An image configuration by image id, verified. */
export function readImageConfig(id: Digest, store: Store): ImageConfig {
  return parseConfig(readImageDocument(id, store));
}

/** The bytes of a configuration or manifest of an image, verified. */
export function readImageDocument(digest: Digest, store: Store): Buffer {
  const bytes = store.blobs.readWhole(digest);
  if (bytes !== undefined) return bytes;
  throw new BuildError("store/damaged", `${digest}, a document of an image, is not in the store`, {
    hint: "Pull, load or build the image again.",
  });
}
