import type { RemoteMaterial } from "../cache-key/model.ts";
import type { BytePath } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { RemoteSource } from "../core/step.ts";
import type { Scratch } from "./open-archives.ts";

/** A fetched source, ready to be copied: `path` of a tree. Disposing lets go of the tree; files go with the scratch folder. */
export interface OpenRemote extends Disposable {
  readonly tree: FileTree;
  readonly path: BytePath;
}

/** What fetches for ADD. */
export interface RemoteTools {
  /** What of a source enters its step's key. `row` is where progress is shown. */
  identify(source: RemoteSource, row: string): Promise<RemoteMaterial>;
  /** Its files: what it was identified as, or an error. */
  open(source: RemoteSource, at: { readonly scratch: Scratch; readonly row: string }): Promise<OpenRemote>;
}
