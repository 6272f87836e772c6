import { BuildError } from "../core/errors.ts";
import type { StoredImage } from "../store/image-directory.ts";
import type { Workshop } from "./workshop.ts";

/** An image of the store, by what a person wrote: a name, a digest, the first digits of an id. Throws `image/not-found`. */
export function findImage(text: string, shop: Workshop): StoredImage {
  const image = shop.store.images.resolve(text);
  if (image !== undefined) return image;
  throw new BuildError("image/not-found", `there is no image called ${text} in the store`, {
    hint: `See tsbuild images; or fetch it: tsbuild pull ${text}`,
  });
}
