import type { Clock, Executor, LayerRef, Workspaces } from "../core/ports.ts";
import type { LayerBook } from "../steps/layer-book.ts";
import type { Store } from "../store/store.ts";
import type { StoreShelf } from "./layer-shelf.ts";

/** The wired parts that operations work with: one a command. */
export interface Workshop extends Disposable {
  readonly home: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly shelf: StoreShelf;
  readonly book: LayerBook;
  /** How trees for overlays mark opaque directories; undefined: no trees can be made here. */
  readonly overlayKind: () => "trusted" | "user" | undefined;
  /** Makes a directory the tree of a layer. */
  readonly adoptTree: (layer: LayerRef, dir: string) => void;
  /** The executor asked for (`auto`, `native`, `oci`, `unshare`); chosen once. */
  readonly executor: (name: string) => Promise<Executor>;
  /** Writable copies of snapshots, by overlay where the store's file system allows it. */
  readonly workspaces: () => Promise<Workspaces>;
  /** Throws NeedsUserNamespace where a command must run and this process may not run one yet. */
  readonly requireNamespace: () => void;
}

/** Thrown before the first command of an ordinary user's build: the caller re-executes itself in a user namespace. */
export class NeedsUserNamespace extends Error {
  override readonly name = "NeedsUserNamespace";
  /** Not a new one, but that of this process, whose files are to be reached. */
  readonly of: number | undefined;

  constructor(of?: number) {
    super();
    this.of = of;
  }
}
