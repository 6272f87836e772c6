import { type BytePath, baseName, decodePath, joinPath, parentOf } from "../core/byte-path.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import type { FileTree, ListingRow } from "../core/file-tree.ts";
import type { CopyOp } from "../core/step.ts";
import { filterOf } from "./copy-step.ts";

/** One entry at or below a source of a COPY; `path` below the source, empty for the source itself. */
export interface CopiedEntry {
  readonly path: string;
  /** In the tree. */
  readonly at: BytePath;
  readonly row: ListingRow;
}

/** Everything that a source of a COPY names, the source itself first, then in byte order; `--exclude` applied. */
export function* sourceEntries(op: CopyOp, tree: FileTree, source: BytePath): Iterable<CopiedEntry> {
  const takes = filterOf(op);
  yield { path: "", at: source, row: rowOf(tree, source) };
  yield* below(tree, { dir: source, relative: "" }, takes);
}

function* below(
  tree: FileTree,
  { dir, relative }: { readonly dir: BytePath; readonly relative: string },
  takes: ((path: string) => boolean) | undefined,
): Iterable<CopiedEntry> {
  for (const row of tree.listing(dir)?.rows ?? []) {
    const path = relative === "" ? row.name : `${relative}/${row.name}`;
    const at = joinPath(dir, row.name);
    if (takes === undefined || takes(path)) yield { path: decodePath(path), at, row };
    if (row.type === "dir") yield* below(tree, { dir: at, relative: path }, takes);
  }
}

/** The row of one path, as the listing of its folder has it; of the root its facts. */
function rowOf(tree: FileTree, path: BytePath): ListingRow {
  const row =
    path === "" ? undefined : tree.listing(parentOf(path))?.rows.find(({ name }) => name === baseName(path));
  if (row !== undefined) return row;
  const facts = tree.facts(path);
  const digest: Digest | undefined = facts?.type === "file" ? tree.contentDigest(path) : undefined;
  return {
    name: "",
    type: facts?.type ?? "dir",
    mode: facts?.mode ?? 0,
    uid: facts?.uid ?? 0,
    gid: facts?.gid ?? 0,
    size: facts?.size ?? 0,
    ...(digest === undefined ? {} : { digest: requireDigest(digest) }),
  };
}
