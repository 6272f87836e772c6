import { mkdirSync } from "node:fs";
import { parentOf } from "../core/byte-path.ts";
import { parseChainId } from "../core/digest.ts";
import type { LayerRef } from "../core/ports.ts";
import type { LayerTrees } from "../snapshot/workspaces.ts";
import type { LayerBook } from "../steps/layer-book.ts";
import type { Store } from "../store/store.ts";
import { lost } from "./layer-shelf.ts";

interface TreeParts {
  readonly store: Store;
  readonly book: LayerBook;
  /** The id mapping of this process, as trees are marked with it. */
  readonly mapping: string;
  readonly overlay: "trusted" | "user";
}

/** A layer with fewer entries is unpacked as fast as a difference is found. */
const WORTH_A_DELTA = 500;

/** Trees of layers in the store: for each the first who needs it unpacks it, or lays what differs over the tree of a sibling. */
export function storeTrees(parts: TreeParts): LayerTrees {
  const { store, mapping } = parts;
  const making = new Map<string, Promise<readonly string[]>>();
  return {
    ensure: (layer, below) => {
      const known = making.get(layer.chainId);
      if (known !== undefined) return known;
      const made = makeTree(layer, below, parts).finally(() => making.delete(layer.chainId));
      making.set(layer.chainId, made);
      return made;
    },
    adopt: (layer, dir) => void store.layers.commitTree(layer.chainId, dir, { mapping, synced: false }),
    makeTemp: () => {
      // The operation holds a lease of its own: this one only finds the folder.
      using lease = store.openLease("workspace");
      return lease.makeTemp();
    },
  };
}

async function makeTree(
  layer: LayerRef,
  below: readonly LayerRef[],
  parts: TreeParts,
): Promise<readonly string[]> {
  const { store, mapping } = parts;
  const known = store.layers.treesOf(layer.chainId, mapping);
  if (known !== undefined) return known;
  using lease = store.openLease("unpack");
  const dir = `${lease.makeTemp()}/tree`;
  const over = await layDelta(layer, below, { ...parts, dir });
  if (over === undefined) await unpackWhole(layer, below, { ...parts, dir });
  store.layers.commitTree(layer.chainId, dir, {
    mapping,
    synced: false,
    ...(over === undefined ? {} : { over }),
  });
  const trees = store.layers.treesOf(layer.chainId, mapping);
  if (trees === undefined) throw lost(layer);
  if (over === undefined && parts.book.indexOf(layer).toc.length >= WORTH_A_DELTA) {
    store.facts.put(siblingFact(below), layer.chainId);
  }
  return trees;
}

/** The last large tree over a stack: what the next version of the same layer will mostly be. */
function siblingFact(below: readonly LayerRef[]): string {
  return `tree over ${below.at(-1)?.chainId ?? "nothing"}`;
}

/** Writes what differs from the sibling's tree; the answer is the sibling, or undefined where there is none that helps. */
async function layDelta(
  layer: LayerRef,
  below: readonly LayerRef[],
  at: TreeParts & { readonly dir: string },
): Promise<LayerRef["chainId"] | undefined> {
  const { store, book, mapping, dir } = at;
  const sibling = parseChainId(store.facts.get(siblingFact(below)) ?? "");
  const stored = sibling === undefined ? undefined : store.layers.claim(sibling);
  if (sibling === undefined || stored === undefined) return undefined;
  if (store.layers.treesOf(sibling, mapping)?.length !== 1) return undefined;
  const { deltaOf, writeWhiteouts } = await import("../steps/delta-tree.ts");
  const old = book.indexOf({ diffId: stored.diffId, chainId: sibling, size: stored.size });
  const delta = deltaOf(old, book.indexOf(layer), book.viewOfLayers(below));
  if (delta === undefined) return undefined;
  const { writePaths } = await import("../steps/unpack-snapshot.ts");
  await book.readableLayers([layer]);
  mkdirSync(dir, { mode: 0o755 });
  const parents = delta.removed.map((path) => parentOf(path));
  writePaths(book.viewOfLayer(layer), [...delta.changed, ...parents], dir, () =>
    writeWhiteouts(dir, delta.removed),
  );
  return sibling;
}

async function unpackWhole(
  layer: LayerRef,
  below: readonly LayerRef[],
  at: TreeParts & { readonly dir: string },
): Promise<void> {
  const [blob] = at.store.layers.claim(layer.chainId)?.blobs ?? [];
  if (blob === undefined) throw lost(layer);
  const lower = below.length === 0 ? undefined : at.book.viewOfLayers(below);
  const { unpackLayer } = await import("../layer/ingest.ts");
  const tree = { dir: at.dir, overlay: at.overlay };
  await unpackLayer(at.store.blobs.pathOf(blob.digest), layer.diffId, tree, lower);
}
