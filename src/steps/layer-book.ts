import type { ContentChain, DiffId } from "../core/digest.ts";
import type { BlobWriter, CacheRecord, LayerRef, PackEntry, SnapshotRef } from "../core/ports.ts";
import { chainId, EMPTY_CONTENT, nextContent } from "../layer/chain.ts";
import type { Toc } from "../layer/toc.ts";
import { LayerIndex } from "../snapshot/layer-index.ts";
import { type LayerContents, RootView } from "../snapshot/root-view.ts";
import { readLayerFile } from "./read-layer-file.ts";

/** Where the bytes of a layer's files can be read: an uncompressed tar, or the unpacked tree. */
export type LayerBytes = { readonly type: "tar" | "tree"; readonly path: string };

/** What the layer book needs of the store. */
export interface LayerShelf {
  openWriter(): BlobWriter;
  /** Claims a layer for this command; false where its blob or table is gone or damaged. */
  claim(layer: LayerRef): boolean;
  /**
   * Claims a layer that is here over another stack only: what lies below was made anew, with other times and the same content.
   * False where the layer over that content does not come to `content`: the record is wrong.
   */
  findTwin(layer: LayerRef, content: ContentChain, below: ContentChain): boolean;
  /** The table of contents of a layer that was claimed. */
  toc(layer: LayerRef): Toc;
  /** Keeps a layer's table and what its content comes to. */
  put(layer: LayerRef, content: ContentChain, toc: Toc): void;
  /** undefined: only a compressed blob is there; see makeReadable. */
  bytes(layer: LayerRef): LayerBytes | undefined;
  makeReadable(layer: LayerRef): Promise<void>;
}

/** The file system of `FROM scratch`. */
export const EMPTY_SNAPSHOT: SnapshotRef = { layers: [], content: EMPTY_CONTENT };

/** Layers as steps use them: packed, stacked, read as one file system. Views are made once for each stack. */
export class LayerBook {
  readonly #shelf: LayerShelf;
  readonly #views = new Map<string, RootView>();
  readonly #contents = new Map<string, LayerContents>();

  constructor(shelf: LayerShelf) {
    this.#shelf = shelf;
  }

  /** Packs entries into the next layer of a stack. */
  async add(
    parent: SnapshotRef,
    entries: Iterable<PackEntry>,
    signal?: AbortSignal,
  ): Promise<{ layer: LayerRef; snapshot: SnapshotRef }> {
    using writer = this.#shelf.openWriter();
    const { packLayer } = await import("../layer/pack.ts");
    const { diffId, size, toc } = await packLayer(entries, writer, { signal });
    const { layer, snapshot } = stack(parent, { diffId, size }, nextContent(parent.content, toc));
    this.#shelf.put(layer, snapshot.content, toc);
    return { layer, snapshot };
  }

  /** The snapshot of a recorded result; undefined where its layer is no longer whole. */
  recall(record: CacheRecord, parent: SnapshotRef): SnapshotRef | undefined {
    if (record.layer === null) return { ...parent, content: record.content };
    const { layer, snapshot } = stack(parent, record.layer, record.content);
    const isHere = this.#shelf.claim(layer) || this.#shelf.findTwin(layer, record.content, parent.content);
    return isHere ? snapshot : undefined;
  }

  /** The merged file system of a snapshot. Facts are always there; for the bytes of files see `readable`. */
  view(snapshot: SnapshotRef): RootView {
    return this.viewOfLayers(snapshot.layers);
  }

  viewOfLayers(layers: readonly LayerRef[]): RootView {
    const id = layers.at(-1)?.chainId ?? "";
    const known = this.#views.get(id);
    if (known !== undefined) return known;
    const view = new RootView(layers.map((layer) => this.#layerContents(layer)));
    this.#views.set(id, view);
    return view;
  }

  /** The same, with every file's bytes at hand. */
  async readable(snapshot: SnapshotRef): Promise<RootView> {
    return await this.readableLayers(snapshot.layers);
  }

  async readableLayers(layers: readonly LayerRef[]): Promise<RootView> {
    for (const layer of layers) await this.#shelf.makeReadable(layer);
    return this.viewOfLayers(layers);
  }

  /** One layer's table by path. */
  indexOf(layer: LayerRef): LayerIndex {
    return this.#layerContents(layer).index;
  }

  /** One layer alone, as if nothing lay below it. */
  viewOfLayer(layer: LayerRef): RootView {
    return new RootView([this.#layerContents(layer)]);
  }

  #layerContents(layer: LayerRef): LayerContents {
    const known = this.#contents.get(layer.chainId);
    if (known !== undefined) return known;
    const toc = this.#shelf.toc(layer);
    const contents: LayerContents = {
      index: new LayerIndex(toc),
      read: (entry) => {
        const bytes = this.#shelf.bytes(layer);
        if (bytes === undefined) throw new Error(`layer ${layer.diffId} was not made readable`);
        return readLayerFile(bytes, entry, toc);
      },
    };
    this.#contents.set(layer.chainId, contents);
    return contents;
  }
}

/** A layer on top of a stack. */
export function stack(
  parent: SnapshotRef,
  top: { readonly diffId: DiffId; readonly size: number },
  content: ContentChain,
): { layer: LayerRef; snapshot: SnapshotRef } {
  const layer: LayerRef = { ...top, chainId: chainId(parent.layers.at(-1)?.chainId, top.diffId) };
  return { layer, snapshot: { layers: [...parent.layers, layer], content } };
}
