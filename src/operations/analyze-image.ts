import type { LayerRef } from "../core/ports.ts";
import { type ImageNumbers, measureWaste } from "../explore/measure-waste.ts";
import { tocEntries } from "../layer/toc.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** `numbers.layers[i]` is about `layers[i]`, the bottom one first. */
export interface AnalyzedImage {
  readonly id: string;
  /** The instruction that made each layer, as its history row has it; "" where the image does not say. */
  readonly layers: readonly (LayerRef & { readonly createdBy: string })[];
  readonly numbers: ImageNumbers;
}

/** What an image's layers hold, and what of it can no longer be seen. Throws `image/not-found`. */
export async function analyzeImage(
  name: string,
  shop: Workshop,
  signal: AbortSignal,
): Promise<AnalyzedImage> {
  using _lease = shop.store.openLease("analyze");
  const { id, manifest } = singleImage(findImage(name, shop), undefined, shop);
  const config = readImageConfig(id, shop.store);
  const { layers } = await ensureLayers({ manifest, config }, shop, signal);
  const rows = config.history.filter((row) => row.empty_layer !== true);
  return {
    id,
    layers: layers.map((layer, i) => ({ ...layer, createdBy: rows[i]?.created_by ?? "" })),
    numbers: measureWaste(layers.map((layer) => tocEntries(shop.book.indexOf(layer).toc))),
  };
}

export type { ImageNumbers, LayerNumbers, WastedFile } from "../explore/measure-waste.ts";
