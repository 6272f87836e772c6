import type { ChainId, DiffId, Digest } from "../core/digest.ts";
import { chainId } from "../layer/chain.ts";
import { tocEntries } from "../layer/toc.ts";
import { decodeToc } from "../layer/toc-file.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface HistoryRow {
  /** Of the topmost row; the steps below are no images of their own. */
  readonly id: Digest | null;
  /** RFC 3339. */
  readonly created: string | null;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the files in the row's layer, as Docker counts them; 0 where it has none. */
  readonly sizeBytes: number;
}

/** How an image came to be, the last step first. */
export function imageHistory(image: StoredImage, shop: Workshop): readonly HistoryRow[] {
  const { history, rootfs } = readImageConfig(singleImage(image, undefined, shop).id, shop.store);
  const sizes = layerSizes(rootfs.diff_ids, shop);
  let layer = 0;
  const rows = history.map((entry): HistoryRow => {
    const sizeBytes = entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0);
    return {
      id: null,
      created: entry.created ?? null,
      createdBy: entry.created_by ?? "",
      comment: entry.comment ?? "",
      sizeBytes,
    };
  });
  return rows.toReversed().map((row, i) => (i === 0 ? { ...row, id: image.id } : row));
}

function layerSizes(diffIds: readonly DiffId[], shop: Workshop): readonly number[] {
  const sizes: number[] = [];
  let chain: ChainId | undefined;
  for (const diffId of diffIds) {
    chain = chainId(chain, diffId);
    sizes.push(contentBytes(chain, shop));
  }
  return sizes;
}

function contentBytes(chain: ChainId, { store }: Workshop): number {
  const bytes = store.layers.readToc(chain);
  const toc = bytes === undefined ? undefined : decodeToc(bytes);
  if (toc === undefined) return store.layers.read(chain)?.size ?? 0;
  let sum = 0;
  for (const entry of tocEntries(toc)) if (entry.kind === "file") sum += entry.size;
  return sum;
}
