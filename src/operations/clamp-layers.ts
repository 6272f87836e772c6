import { parseDiffId } from "../core/digest.ts";
import type { LayerRef, PackEntry, SnapshotRef } from "../core/ports.ts";
import { tocEntries } from "../layer/toc.ts";
import { EMPTY_SNAPSHOT, stack } from "../steps/layer-book.ts";
import { readLayerFile } from "../steps/read-layer-file.ts";
import type { Workshop } from "./workshop.ts";

/**
 * SOURCE_DATE_EPOCH at image assembly: in the layers of this build (`from` on), times after the epoch become the epoch. Layers
 * in the cache stay as they are; what a layer became is remembered by (diff id, epoch).
 */
export async function clampLayers(
  layers: readonly LayerRef[],
  how: { readonly from: number; readonly epochSeconds: number; readonly shop: Workshop },
): Promise<readonly LayerRef[]> {
  const { from, epochSeconds, shop } = how;
  let below = EMPTY_SNAPSHOT;
  for (const [i, layer] of layers.entries()) {
    if (i < from) below = stack(below, layer, shop.shelf.content(layer)).snapshot;
    else below = await clampLayer(layer, below, { epochSeconds, shop });
  }
  return below.layers;
}

async function clampLayer(
  layer: LayerRef,
  below: SnapshotRef,
  { epochSeconds, shop }: { readonly epochSeconds: number; readonly shop: Workshop },
): Promise<SnapshotRef> {
  const toc = shop.shelf.toc(layer);
  const content = shop.shelf.content(layer);
  const about = `clamped ${layer.diffId} ${epochSeconds}`;
  const onTime = toc.mtimes.every((mtime) => mtime <= epochSeconds);
  const known = onTime ? layer.diffId : parseDiffId(shop.store.facts.get(about) ?? "");
  if (known !== undefined) {
    const { layer: there, snapshot } = stack(below, { diffId: known, size: layer.size }, content);
    // The same tar on a stack that was clamped below is another chain: it needs an entry of its own.
    if (shop.shelf.claim(there) || shop.shelf.restack(there, content, toc)) return snapshot;
  }
  await shop.shelf.makeReadable(layer);
  const clamped = await shop.book.add(below, clampedEntries(layer, { epochSeconds, shop }));
  shop.store.facts.put(about, clamped.layer.diffId);
  return clamped.snapshot;
}

function* clampedEntries(
  layer: LayerRef,
  { epochSeconds, shop }: { readonly epochSeconds: number; readonly shop: Workshop },
): Iterable<PackEntry> {
  const toc = shop.shelf.toc(layer);
  const bytes = shop.shelf.bytes(layer);
  if (bytes === undefined) throw new Error("the layer was made readable above");
  for (const row of tocEntries(toc)) {
    const { digest, offset: _offset, ...facts } = row;
    const late = facts.mtimeSeconds > epochSeconds;
    const entry = late ? { ...facts, mtimeSeconds: epochSeconds, mtimeNanos: 0 } : facts;
    yield row.kind === "file" ? { entry, digest, content: () => readLayerFile(bytes, row, toc) } : { entry };
  }
}
