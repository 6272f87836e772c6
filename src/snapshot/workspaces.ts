import { existsSync, lutimesSync, mkdirSync, rmSync } from "node:fs";
import type { FileTree } from "../core/file-tree.ts";
import type { LayerRef, PackEntry, RootSpec, SnapshotRef, Workspace, Workspaces } from "../core/ports.ts";
import { diskPath, listDisk } from "./disk-entry.ts";
import { readUpper } from "./overlay-changes.ts";
import { packChanges } from "./tree-changes.ts";

/** Where trees of layers live: what workspaces need of the store. */
export interface LayerTrees {
  /** The directories of a layer's tree over `below`, topmost first; unpacked from its blob where it is missing. */
  ensure(layer: LayerRef, below: readonly LayerRef[]): Promise<readonly string[]>;
  /** Makes a directory (of `makeTemp`) the tree of a layer. A tree that is there already stays. */
  adopt(layer: LayerRef, dir: string): void;
  /** A new, empty directory on the store's file system; removed with the lease at the latest. */
  makeTemp(): string;
}

/** Workspaces by overlayfs: the layers' trees as lowers, one directory for what the step writes. The executor mounts it. */
export class OverlayWorkspaces implements Workspaces {
  readonly #trees: LayerTrees;
  readonly #viewOf: (snapshot: SnapshotRef) => FileTree;

  constructor(trees: LayerTrees, viewOf: (snapshot: SnapshotRef) => FileTree) {
    this.#trees = trees;
    this.#viewOf = viewOf;
  }

  async open(snapshot: SnapshotRef, kept?: string): Promise<Workspace> {
    const lowers: string[] = [];
    for (const [i, layer] of snapshot.layers.entries()) {
      lowers.unshift(...(await this.#trees.ensure(layer, snapshot.layers.slice(0, i))));
    }
    const dir = kept ?? this.#trees.makeTemp();
    const upper = `${dir}/upper`;
    const root: RootSpec = {
      type: "overlay",
      lowers,
      upper,
      work: `${dir}/work`,
      durable: kept !== undefined,
    };
    const stateDir = `${dir}/state`;
    // State of a run that was ended by force must not outlive it.
    rmSync(stateDir, { recursive: true, force: true });
    for (const path of [root.upper, root.work, stateDir]) mkdirSync(path, { mode: 0o755, recursive: true });
    return {
      root,
      stateDir,
      changes: () => this.#changesOf(snapshot, upper),
      keepAs: (layer) => {
        truncateTimes(upper);
        this.#trees.adopt(layer, upper);
      },
      [Symbol.asyncDispose]: () => {
        if (kept === undefined) rmSync(dir, { recursive: true, force: true });
        return Promise.resolve();
      },
    };
  }

  changesIn(snapshot: SnapshotRef, kept: string): Iterable<PackEntry> {
    return existsSync(`${kept}/upper`) ? this.#changesOf(snapshot, `${kept}/upper`) : [];
  }

  #changesOf(snapshot: SnapshotRef, upper: string): Iterable<PackEntry> {
    const below = this.#viewOf(snapshot);
    return packChanges(upper, readUpper(upper, below), below);
  }
}

/** A tree equals its blob, and blobs hold whole seconds. Children before parents: times of directories are set last. */
function truncateTimes(root: string): void {
  for (const { path, stat } of listDisk(root).toReversed()) {
    if (stat.mtimeMs % 1000 === 0) continue;
    const seconds = Math.floor(stat.mtimeMs / 1000);
    lutimesSync(diskPath(root, path), seconds, seconds);
  }
}
