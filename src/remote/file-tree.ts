import { closeSync, openSync, readSync } from "node:fs";
import { type BytePath, encodePath, ROOT_PATH } from "../core/byte-path.ts";
import type { Digest } from "../core/digest.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";

const PIECE_BYTES = 1024 * 1024;

export interface StoredFile {
  /** Where its bytes are. */
  readonly blob: string;
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** Last-Modified as the server sent it; without one, or with another thing, the file is of 1970. */
  readonly lastModified: string | undefined;
}

/** A fetched file as a tree of one: mode 0600 and root's, as BuildKit makes it (source/http). */
export function fileTree(file: StoredFile): { readonly tree: FileTree; readonly path: BytePath } {
  const path = encodePath(file.name);
  const modified = Date.parse(file.lastModified ?? "");
  const facts: FileFacts = {
    type: "file",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: file.size,
    mtimeSeconds: Number.isNaN(modified) ? 0 : Math.max(0, Math.floor(modified / 1000)),
    mtimeNanos: 0,
  };
  const top: FileFacts = { ...facts, type: "dir", mode: 0o755, size: 0 };
  const tree: FileTree = {
    facts: (asked) => (asked === path ? facts : asked === "" ? top : undefined),
    resolve: (asked) => (asked === path || asked === "" ? asked : undefined),
    names: (dir) => (dir === ROOT_PATH ? [path] : []),
    contentDigest: () => file.digest,
    read: () => readPieces(file.blob),
    merkle: () => file.digest,
    listing: () => undefined,
  };
  return { tree, path };
}

function* readPieces(path: string): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const file = openSync(path, "r");
  try {
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer))
      yield buffer.subarray(0, count);
  } finally {
    closeSync(file);
  }
}
