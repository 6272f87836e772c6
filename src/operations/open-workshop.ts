import { readFileSync, statfsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Clock, Executor, SnapshotRef, Workspaces } from "../core/ports.ts";
import { systemClock } from "../host/clock.ts";
import { needsUserNamespace, userNamespaceNote } from "../host/user-namespace.ts";
import type { LayerTrees } from "../snapshot/workspaces.ts";
import { LayerBook } from "../steps/layer-book.ts";
import { openStore } from "../store/store.ts";
import { StoreShelf } from "./layer-shelf.ts";
import { storeTrees } from "./store-trees.ts";
import { NeedsUserNamespace, type Workshop } from "./workshop.ts";

export interface WorkshopOptions {
  readonly home?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock | undefined;
  /** One line for a person: damage found and treated as missing. */
  readonly warn: (text: string) => void;
}

/** `TSBUILD_HOME`, else `$XDG_DATA_HOME/tsbuild`, else `~/.local/share/tsbuild`. */
export function storeHome(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["TSBUILD_HOME"];
  if (given !== undefined && given !== "") return resolve(given);
  const data = env["XDG_DATA_HOME"];
  return join(
    data !== undefined && data.startsWith("/") ? data : join(homedir(), ".local", "share"),
    "tsbuild",
  );
}

/** Wires a command's parts. Cheap: nothing is loaded or probed before it is needed. */
export function openWorkshop(options: WorkshopOptions): Workshop {
  const home = options.home ?? storeHome(options.env);
  const clock = options.clock ?? systemClock;
  const store = openStore(home, { clock, warn: options.warn });
  const mapping = idMapping();
  const shelf = new StoreShelf(store, mapping);
  const book = new LayerBook(shelf);
  const trees = storeTrees({ store, book, mapping, overlay: overlayKind(mapping) });
  let isToldOfMapping = false;
  let executor: Promise<Executor> | undefined;
  let workspaces: Promise<Workspaces> | undefined;
  return {
    home,
    store,
    clock,
    env: options.env,
    shelf,
    book,
    overlayKind: () => (canMakeTrees(home, mapping) ? overlayKind(mapping) : undefined),
    adoptTree: (layer, dir) => trees.adopt(layer, dir),
    executor: (name) => (executor ??= chooseExecutor(name, home)),
    workspaces: () => (workspaces ??= openWorkspaces(home, { trees, book })),
    requireNamespace: () => {
      if (needsUserNamespace()) throw new NeedsUserNamespace();
      // Asked for by each step that runs; told once.
      const note = isToldOfMapping ? undefined : userNamespaceNote();
      isToldOfMapping = true;
      if (note !== undefined) options.warn(note);
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

/** Loaded by the first command that runs: a cached build needs none of it. */
async function openWorkspaces(
  home: string,
  { trees, book }: { readonly trees: LayerTrees; readonly book: LayerBook },
): Promise<Workspaces> {
  const view = (snapshot: SnapshotRef) => book.view(snapshot);
  if (canOverlay(home)) {
    const { OverlayWorkspaces } = await import("../snapshot/workspaces.ts");
    return new OverlayWorkspaces(trees, view);
  }
  const { CopyWorkspaces } = await import("../snapshot/copy-workspaces.ts");
  const { unpackSnapshot } = await import("../steps/unpack-snapshot.ts");
  const { makeScaffold } = await import("../executor/scaffold.ts");
  return new CopyWorkspaces(trees, view, {
    unpack: (layers, dir) => unpackSnapshot(layers, dir, book),
    scaffold: makeScaffold,
  });
}

async function chooseExecutor(name: string, home: string): Promise<Executor> {
  const { chooseExecutor: choose } = await import("../executor/choose-executor.ts");
  return (await choose(name, home)).executor;
}

/** The id mapping of this process as text; "" where ids are the machine's own. */
function idMapping(): string {
  if (process.platform !== "linux") return "";
  const text = readFileSync("/proc/self/uid_map", "utf8").trim().replaceAll(/\s+/g, " ");
  return text === "0 0 4294967295" ? "" : text;
}

function overlayKind(mapping: string): "trusted" | "user" {
  return mapping === "" ? "trusted" : "user";
}

/** Trees with any owner can be made by root, the machine's own or a user namespace's. */
function canMakeTrees(home: string, _mapping: string): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && canOverlay(home);
}

/** File systems that take no overlay upper: overlayfs itself, NFS, and FUSE's (statfs(2), f_type). */
const NO_UPPER: readonly number[] = [0x794c7630, 0x6969, 0x65735546];

function canOverlay(home: string): boolean {
  return process.platform === "linux" && !NO_UPPER.includes(statfsSync(home).type);
}
