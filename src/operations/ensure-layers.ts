import { createReadStream } from "node:fs";
import type { Digest } from "../core/digest.ts";
import type { ImageConfig } from "../core/image.ts";
import type { SnapshotRef } from "../core/ports.ts";
import { parseManifest } from "../image/parse.ts";
import { chainId } from "../layer/chain.ts";
import { EMPTY_SNAPSHOT, stack } from "../steps/layer-book.ts";
import { readImageDocument } from "./read-image.ts";
import { snapshotOfImage } from "./snapshot-of-image.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

/**
 * The file system of an image in the store, its layers claimed. Images that another program wrote into the layout
 * (`skopeo copy … oci:$TSBUILD_HOME:name`) have blobs alone: their layers are read now, once.
 */
export async function ensureLayers(
  image: { readonly manifest: Digest; readonly config: ImageConfig },
  shop: Workshop,
  signal?: AbortSignal,
): Promise<SnapshotRef> {
  const { diff_ids: diffIds } = image.config.rootfs;
  const chains = diffIds.reduce<ReturnType<typeof chainId>[]>(
    (list, id) => [...list, chainId(list.at(-1), id)],
    [],
  );
  if (chains.every((chain) => shop.store.layers.read(chain) !== undefined))
    return snapshotOfImage(image.config, shop);
  const manifest = parseManifest(readImageDocument(image.manifest, shop.store));
  let below: SnapshotRef = EMPTY_SNAPSHOT;
  for (const [i, diffId] of diffIds.entries()) {
    const chain = chains[i];
    const blob = manifest.layers[i];
    const here = chain === undefined ? undefined : shop.store.layers.claim(chain);
    if (here !== undefined) below = stack(below, { diffId, size: here.size }, here.content).snapshot;
    else if (blob !== undefined && shop.store.blobs.claim(blob.digest)) {
      const taken = await takeLayer(createReadStream(shop.store.blobs.pathOf(blob.digest)), {
        below: Promise.resolve(below),
        expectedDigest: blob.digest,
        expectedDiffId: diffId,
        signal,
        shop,
      });
      below = taken.snapshot;
    } else return snapshotOfImage(image.config, shop);
  }
  return below;
}
