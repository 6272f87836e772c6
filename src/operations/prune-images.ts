import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { hasLabel, parseFilter, parseTruth } from "./list-images.ts";
import { parseMoment } from "./parse-moment.ts";
import type { Workshop } from "./workshop.ts";

export interface PruneImagesOptions {
  /** Also those that have names. */
  readonly all: boolean;
  /** `until=24h`, `label=keep`, `label!=keep`, `dangling=false`. */
  readonly filters: readonly string[];
}

export interface PrunedImages {
  readonly images: readonly { readonly id: Digest; readonly names: readonly string[] }[];
  readonly bytes: number;
}

type Keeps = (image: StoredImage) => boolean;

/** `image prune`: images without a name, or with `all` every image; and the blobs and layers that nothing else needs. */
export function pruneImages({ all, filters }: PruneImagesOptions, shop: Workshop): PrunedImages {
  const parsed = filters.map(parseFilter);
  const dangling = parsed.findLast(({ name }) => name === "dangling");
  const images =
    all || (dangling !== undefined && !parseTruth("dangling", dangling.value)) ? "unused" : "dangling";
  const keeps = parsed
    .filter(({ name }) => name !== "dangling")
    .map(({ name, value }) => keepsOf(name, value, shop));
  const report = shop.store.prune({
    records: "none",
    images,
    isInUse: (image) => keeps.some((keep) => keep(image)),
  });
  return { images: report.images, bytes: report.bytes };
}

function keepsOf(name: string, value: string, shop: Workshop): Keeps {
  switch (name) {
    case "until": {
      const limitMs = parseMoment("filter=until", value, shop.clock.nowMs());
      return ({ created }) => Date.parse(created ?? "") >= limitMs;
    }
    case "label":
      return (image) => !hasLabel(image, value, shop);
    case "label!":
      return (image) => hasLabel(image, value, shop);
    default:
      throw new BuildError("cli/usage", `there is no filter "${name}"`, {
        hint: "There are until, label, label! and dangling.",
      });
  }
}
