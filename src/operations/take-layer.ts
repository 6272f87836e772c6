import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { DiffId, Digest } from "../core/digest.ts";
import type { RootFacts, SnapshotRef } from "../core/ports.ts";
import { nextContent } from "../layer/chain.ts";
import type { Compression } from "../layer/compression.ts";
import { ingestLayer } from "../layer/ingest.ts";
import { encodeToc } from "../layer/toc-file.ts";
import { stack } from "../steps/layer-book.ts";
import type { Workshop } from "./workshop.ts";

const MEDIA_TYPE_OF: Readonly<Record<Compression, string>> = {
  none: MEDIA_TYPE.ociLayer,
  gzip: MEDIA_TYPE.ociLayerGzip,
  zstd: MEDIA_TYPE.ociLayerZstd,
  // Kept as they are; such images can be run and built on, and are recompressed when they travel.
  bzip2: `${MEDIA_TYPE.ociLayer}+bzip2`,
  xz: `${MEDIA_TYPE.ociLayer}+xz`,
};

export interface TakenLayer {
  readonly snapshot: SnapshotRef;
  /** The bytes as they came. */
  readonly blob: Descriptor;
}

/**
 * Takes a foreign layer into the store, in one pass over its bytes: blob, table of contents, and, where commands can run here,
 * the tree that the first RUN would need. `below` may still be on its way: it is awaited once the bytes have come.
 */
export async function takeLayer(
  source: AsyncIterable<Uint8Array>,
  how: {
    readonly below: Promise<SnapshotRef>;
    readonly expectedDigest?: Digest | undefined;
    readonly expectedDiffId?: DiffId | undefined;
    readonly signal?: AbortSignal | undefined;
    /** Among the blobs of images, where other programs look, or those of the cache. */
    readonly into?: "image" | "cache" | undefined;
    /** False: no tree, even where one could be made. */
    readonly tree?: boolean | undefined;
    readonly shop: Workshop;
  },
): Promise<TakenLayer> {
  const { shop, expectedDigest, expectedDiffId, signal } = how;
  let below: SnapshotRef | undefined;
  async function* gated(): AsyncGenerator<Uint8Array> {
    yield* source;
    below = await how.below;
  }
  const lower: RootFacts = {
    facts: (path) => (below === undefined ? undefined : shop.book.view(below).facts(path)),
  };
  using lease = shop.store.openLease("take-layer");
  using writer = (how.into === "cache" ? shop.store.cacheBlobs : shop.store.blobs).openWriter();
  const overlay = how.tree === false ? undefined : shop.overlayKind();
  const dir = overlay === undefined ? undefined : `${lease.makeTemp()}/tree`;
  const taken = await ingestLayer(gated(), {
    blob: writer,
    lower,
    signal,
    ...(expectedDigest === undefined ? {} : { expectedDigest }),
    ...(expectedDiffId === undefined ? {} : { expectedDiffId }),
    ...(dir === undefined || overlay === undefined ? {} : { tree: { dir, overlay } }),
  });
  if (below === undefined || taken.digest === undefined) throw new Error("the bytes ended before their end");
  const content = nextContent(below.content, taken.toc);
  const { layer, snapshot } = stack(below, taken, content);
  const blob: Descriptor = {
    mediaType: MEDIA_TYPE_OF[taken.compression],
    digest: taken.digest,
    size: taken.storedSize,
  };
  shop.store.layers.write({ ...layer, content, blobs: [blob] }, encodeToc(taken.toc));
  if (dir !== undefined) shop.adoptTree(layer, dir);
  return { snapshot, blob };
}
