import { existsSync, mkdirSync, readFileSync, rmSync, type Stats } from "node:fs";
import { type BytePath, joinPath, ROOT_PATH } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { LayerRef, PackEntry, SnapshotRef, Workspace, Workspaces } from "../core/ports.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { type DiskEntry, listDisk } from "./disk-entry.ts";
import { type DiskChanges, packChanges } from "./tree-changes.ts";
import type { LayerTrees } from "./workspaces.ts";

/**
 * Workspaces where no overlay can be mounted (the store on an overlay or network file system, as in a CI container): the
 * whole snapshot is unpacked into one directory, and what the step did is found by walking it.
 */
export class CopyWorkspaces implements Workspaces {
  readonly #trees: Pick<LayerTrees, "makeTemp">;
  readonly #viewOf: (snapshot: SnapshotRef) => FileTree;
  readonly #unpack: (layers: readonly LayerRef[], dir: string) => Promise<void>;
  readonly #scaffold: (root: string) => void;

  /** `scaffold`: makes what a running container is mounted over, so that it is no change of the container's. */
  constructor(
    trees: Pick<LayerTrees, "makeTemp">,
    viewOf: (snapshot: SnapshotRef) => FileTree,
    how: {
      readonly unpack: (layers: readonly LayerRef[], dir: string) => Promise<void>;
      readonly scaffold: (root: string) => void;
    },
  ) {
    this.#trees = trees;
    this.#viewOf = viewOf;
    this.#unpack = how.unpack;
    this.#scaffold = how.scaffold;
  }

  async open(snapshot: SnapshotRef, kept?: string): Promise<Workspace> {
    const dir = kept ?? this.#trees.makeTemp();
    const root = `${dir}/root`;
    const stateDir = `${dir}/state`;
    rmSync(stateDir, { recursive: true, force: true });
    mkdirSync(stateDir, { mode: 0o755, recursive: true });
    const before =
      (kept === undefined ? undefined : readStamps(dir)) ??
      (await this.#fill(snapshot, { dir, root, isKept: kept !== undefined }));
    return {
      root: { type: "directory", path: root },
      stateDir,
      changes: () => {
        const below = this.#viewOf(snapshot);
        return packChanges(root, findChanges(root, before, below), below);
      },
      // The next step unpacks again: without an overlay a tree of one layer is of no use.
      keepAs: () => {},
      [Symbol.asyncDispose]: () => {
        if (kept === undefined) rmSync(dir, { recursive: true, force: true });
        return Promise.resolve();
      },
    };
  }

  changesIn(snapshot: SnapshotRef, kept: string): Iterable<PackEntry> {
    const before = readStamps(kept);
    if (before === undefined) return [];
    const below = this.#viewOf(snapshot);
    return packChanges(`${kept}/root`, findChanges(`${kept}/root`, before, below), below);
  }

  /** The stamps are written last: without them an unpacking was cut short, and is done again. */
  async #fill(
    snapshot: SnapshotRef,
    { dir, root, isKept }: { readonly dir: string; readonly root: string; readonly isKept: boolean },
  ): Promise<ReadonlyMap<BytePath, Stamp>> {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { mode: 0o755 });
    await this.#unpack(snapshot.layers, root);
    if (isKept) this.#scaffold(root);
    const before = new Map(listDisk(root).map(({ path, stat }) => [path, stampOf(stat)]));
    await nextTick(before.values());
    if (!isKept) return before;
    const rows = [...before].map(([path, { ino, ctimeMs }]) => [path, ino, ctimeMs]);
    const options = { tempDir: dir, sync: false, mode: 0o600 };
    writeFileAtomic(`${dir}/${STAMPS_NAME}`, JSON.stringify(rows), options);
    return before;
  }
}

const STAMPS_NAME = "before.json";

function readStamps(dir: string): ReadonlyMap<BytePath, Stamp> | undefined {
  if (!existsSync(`${dir}/${STAMPS_NAME}`)) return undefined;
  const rows: [BytePath, number, number][] = JSON.parse(readFileSync(`${dir}/${STAMPS_NAME}`, "utf8"));
  return new Map(rows.map(([path, ino, ctimeMs]) => [path, { ino, ctimeMs }]));
}

interface Stamp {
  readonly ino: number;
  readonly ctimeMs: number;
}

function stampOf(stat: Stats): Stamp {
  return { ino: stat.ino, ctimeMs: stat.ctimeMs };
}

/** Every change moves the ctime, which no command can set back; equal stamps are untouched files. */
function findChanges(root: string, before: ReadonlyMap<BytePath, Stamp>, below: FileTree): DiskChanges {
  const present: DiskEntry[] = [];
  const seen = new Map<BytePath, boolean>();
  for (const entry of listDisk(root)) {
    seen.set(entry.path, entry.stat.isDirectory());
    const stamp = before.get(entry.path);
    if (stamp?.ino !== entry.stat.ino || stamp.ctimeMs !== entry.stat.ctimeMs) present.push(entry);
  }
  return { present, removed: gone(below, ROOT_PATH, seen) };
}

/** `seen`: what is on disk, and whether it is a directory: anything else in a directory's place hides all of it by itself. */
function gone(below: FileTree, dir: BytePath, seen: ReadonlyMap<BytePath, boolean>): BytePath[] {
  return below.names(dir).flatMap((name) => {
    const path = joinPath(dir, name);
    const isDirectory = seen.get(path);
    if (isDirectory === undefined) return [path];
    return isDirectory && below.facts(path)?.type === "dir" ? gone(below, path, seen) : [];
  });
}

/** File times move in steps of the kernel's tick: a step must not run within the one the unpacking ended in. */
async function nextTick(stamps: Iterable<Stamp>): Promise<void> {
  let last = 0;
  for (const stamp of stamps) last = Math.max(last, stamp.ctimeMs);
  const TICK_MS = 20;
  while (Date.now() <= last + TICK_MS) await new Promise((resolve) => setTimeout(resolve, 5));
}
