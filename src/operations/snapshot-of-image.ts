import type { ImageConfig } from "../core/image.ts";
import type { SnapshotRef } from "../core/ports.ts";
import { chainId } from "../layer/chain.ts";
import { EMPTY_SNAPSHOT, stack } from "../steps/layer-book.ts";
import { lost } from "./layer-shelf.ts";
import type { Workshop } from "./workshop.ts";

/** The file system of an image in the store; its layers are claimed. Throws `store/damaged` where one is gone. */
export function snapshotOfImage(config: ImageConfig, shop: Workshop): SnapshotRef {
  return config.rootfs.diff_ids.reduce<SnapshotRef>((below, diffId) => {
    const id = chainId(below.layers.at(-1)?.chainId, diffId);
    const layer = shop.store.layers.claim(id);
    if (layer === undefined) throw lost({ diffId, chainId: id, size: 0 });
    return stack(below, { diffId, size: layer.size }, layer.content).snapshot;
  }, EMPTY_SNAPSHOT);
}
