import { createReadStream } from "node:fs";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import {
  type ChainId,
  type ContentChain,
  type DiffId,
  type Digest,
  hexOf,
  requireDigest,
} from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { BlobWriter, LayerRef } from "../core/ports.ts";
import { nextContent } from "../layer/chain.ts";
import type { Toc } from "../layer/toc.ts";
import { decodeToc, encodeToc } from "../layer/toc-file.ts";
import type { LayerBytes, LayerShelf } from "../steps/layer-book.ts";
import type { Store } from "../store/store.ts";

/** The layer book's shelf, on the store on disk. */
export class StoreShelf implements LayerShelf {
  readonly #store: Store;
  readonly #mapping: string;
  /** Layers by diff id, read when the first one is missing where it was looked for. */
  #stacks: ReadonlyMap<DiffId, ChainId> | undefined;

  /** `mapping`: the id mapping this process lives in, as trees are marked with it. */
  constructor(store: Store, mapping: string) {
    this.#store = store;
    this.#mapping = mapping;
  }

  openWriter(): BlobWriter {
    return this.#store.cacheBlobs.openWriter();
  }

  claim(layer: LayerRef): boolean {
    return this.#store.layers.claim(layer.chainId) !== undefined;
  }

  findTwin(layer: LayerRef, content: ContentChain, below: ContentChain): boolean {
    this.#stacks ??= new Map(
      [...this.#store.layers.entries()].flatMap(({ layer: known }) =>
        known === undefined ? [] : [[known.diffId, known.chainId]],
      ),
    );
    const chainId = this.#stacks.get(layer.diffId);
    const bytes = chainId === undefined ? undefined : this.#store.layers.readToc(chainId);
    const toc = bytes === undefined ? undefined : decodeToc(bytes);
    if (toc === undefined || nextContent(below, toc) !== content) return false;
    return this.restack(layer, content, toc);
  }

  toc(layer: LayerRef): Toc {
    const bytes = this.#store.layers.readToc(layer.chainId);
    const toc = bytes === undefined ? undefined : decodeToc(bytes);
    if (toc !== undefined) return toc;
    throw new BuildError(
      "store/damaged",
      `the table of contents of layer ${layer.diffId} is damaged or missing`,
      {
        hint: "Run tsbuild verify --repair, or build again with --no-cache.",
      },
    );
  }

  put(layer: LayerRef, content: ContentChain, toc: Toc): void {
    const blob = { mediaType: MEDIA_TYPE.ociLayer, digest: tarDigest(layer), size: layer.size };
    this.#store.layers.write({ ...layer, content, blobs: [blob] }, encodeToc(toc));
  }

  /** Content chain of the stack up to a layer. */
  content(layer: LayerRef): ContentChain {
    const stored = this.#store.layers.read(layer.chainId);
    if (stored === undefined) throw lost(layer);
    return stored.content;
  }

  /** Notes a tar that is here as a layer over another stack; false where the tar is not here. */
  restack(layer: LayerRef, content: ContentChain, toc: Toc): boolean {
    if (!this.#store.cacheBlobs.claim(tarDigest(layer))) return false;
    this.put(layer, content, toc);
    return true;
  }

  /** The blob that a manifest names for a layer: as it came, or the tar that was built. */
  blobOf(layer: LayerRef): Descriptor {
    const [blob] = this.#store.layers.claim(layer.chainId)?.blobs ?? [];
    if (blob === undefined) throw lost(layer);
    return blob;
  }

  bytes(layer: LayerRef): LayerBytes | undefined {
    const digest = tarDigest(layer);
    if (this.#store.cacheBlobs.has(digest))
      return { type: "tar", path: this.#store.cacheBlobs.pathOf(digest) };
    const tree = this.#store.layers.treeOf(layer.chainId, this.#mapping);
    return tree === undefined ? undefined : { type: "tree", path: tree };
  }

  async makeReadable(layer: LayerRef): Promise<void> {
    if (this.bytes(layer) !== undefined) return;
    const [blob] = this.#store.layers.claim(layer.chainId)?.blobs ?? [];
    if (blob === undefined) throw lost(layer);
    using writer = this.#store.cacheBlobs.openWriter();
    const { decompress } = await import("../layer/compression.ts");
    const stream = createReadStream(this.#store.cacheBlobs.pathOf(blob.digest));
    for await (const piece of decompress(stream)) writer.write(piece);
    const tar = writer.commit(tarDigest(layer));
    this.#store.layers.addBlobs(layer.chainId, [{ mediaType: MEDIA_TYPE.ociLayer, ...tar }]);
  }
}

/** The digest of a layer's uncompressed tar is its diff id. */
export function tarDigest(layer: Pick<LayerRef, "diffId">): Digest {
  return requireDigest(`sha256:${hexOf(layer.diffId)}`);
}

export function lost(layer: LayerRef): BuildError {
  return new BuildError("store/damaged", `layer ${layer.diffId} is no longer in the store`, {
    hint: "Pull or load its image again.",
  });
}
