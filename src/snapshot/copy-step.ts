import { createHash } from "node:crypto";
import { type BytePath, baseName, compareBytes, decodePath, joinPath } from "../core/byte-path.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import { encodeListing } from "../core/listing.ts";
import { type ModeChange, parseMode } from "../core/mode.ts";
import { compilePatterns } from "../core/pattern/patterns.ts";
import type { CopyOp } from "../core/step.ts";
import { Copier, fileNotFound } from "./copy.ts";
import { type ResolvedSource, resolveSources } from "./copy-sources.ts";
import { EditView } from "./edit-view.ts";
import { type Archive, unpackArchive } from "./unpack.ts";
import { resolveOwner } from "./users.ts";

/** One source of a COPY as a cache key sees it. */
export interface SourceFacts extends ResolvedSource {
  /** Name that the destination may take over: of a file into a directory. Empty for a directory: its contents are copied. */
  readonly name: string;
  readonly type: FileFacts["type"];
  readonly mode: number;
  /** `uid:gid` in the source tree. */
  readonly owner: string;
  /** Address of the sorted xattrs; empty where there are none. */
  readonly xattrs: string;
  /** Of a directory: Merkle root of what is copied, --exclude and --parents applied. Of a file: its content. */
  readonly digest: Digest;
}

/** Resolves and addresses what a COPY reads. Throws `context/file-not-found` naming the source that is missing. */
export function readSources(op: CopyOp, tree: FileTree): SourceFacts[] {
  const takes = filterOf(op);
  const pivots = op.parents === true ? op.sources.map((source) => pivotOf(source)) : undefined;
  const sources = pivots === undefined ? resolveSources(tree, op.sources) : resolvePivots(tree, pivots);
  return sources.map((source, i) => sourceFacts(source, tree, takes, pivots?.[i]));
}

function sourceFacts(
  source: ResolvedSource,
  tree: FileTree,
  takes: PathFilter | undefined,
  pivot: Pivot | undefined,
): SourceFacts {
  const real = tree.resolve(source.path, true);
  const facts = real === undefined ? undefined : tree.facts(real);
  if (real === undefined || facts === undefined) throw fileNotFound(decodePath(source.path));
  const isDir = facts.type === "dir";
  const filter = pivot === undefined ? takes : includeFilter(pivot.pattern, takes);
  return {
    ...source,
    name: isDir ? "" : baseName(source.path),
    type: facts.type,
    // A directory's own facts are not copied, only what is in it.
    mode: isDir ? 0 : facts.mode,
    owner: isDir ? "" : `${facts.uid}:${facts.gid}`,
    xattrs: isDir || facts.xattrs === undefined ? "" : sha256(JSON.stringify(sortedPairs(facts.xattrs))),
    digest: sourceDigest(tree, real, facts.type, filter),
  };
}

function sourceDigest(
  tree: FileTree,
  path: BytePath,
  type: FileFacts["type"],
  filter: PathFilter | undefined,
): Digest {
  if (type === "file") return tree.contentDigest(path);
  return type === "dir" && filter !== undefined ? filteredDigest(tree, path, "", filter) : tree.merkle(path);
}

/** The destination's owner and mode flags, read against the snapshot that COPY writes to. */
export function copyAttributes(
  op: CopyOp,
  below: FileTree,
): { owner: OwnerIds | undefined; mode: ModeChange | undefined } {
  const owner = op.chown === undefined ? undefined : resolveOwner(below, op.chown);
  const mode = op.chmod === undefined ? undefined : parseMode(op.chmod);
  if (op.chmod !== undefined && mode === undefined) {
    throw new BuildError("copy/bad-mode", `--chmod=${op.chmod} is not a mode`, {
      hint: "Write octal digits up to 7777, or chmod's letters such as u+x,go-w.",
    });
  }
  return { owner, mode };
}
interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

export interface CopyTrees {
  /** What local sources are paths of. */
  readonly from: FileTree;
  readonly below: FileTree;
  /** ADD: the sources that are archives, by their path in `from`. */
  readonly archives?: ReadonlyMap<BytePath, Archive>;
  readonly remotes?: readonly RemoteFiles[];
}

/** What ADD fetched: a path of a tree. */
export interface RemoteFiles {
  /** So many of the op's sources stand before it. */
  readonly at: number;
  readonly tree: FileTree;
  readonly path: BytePath;
  /** It is an archive, to be unpacked. */
  readonly archive: Archive | undefined;
}

/** Runs a COPY over a snapshot; the view's `entries()` are the layer. */
export function runCopy(op: CopyOp, trees: CopyTrees, nowSeconds: number): EditView {
  const view = new EditView(trees.below);
  const takes = filterOf(op);
  const how = {
    ...copyAttributes(op, trees.below),
    excludes: undefined,
    replace: op.link === true,
    nowSeconds,
  };
  const excludes = takes === undefined ? undefined : (path: string) => !takes(path);
  const pivots = op.parents === true ? op.sources.map((source) => pivotOf(source)) : undefined;
  if (pivots !== undefined) {
    for (const [i, source] of resolvePivots(trees.from, pivots).entries()) {
      const includes = includeFilter(pivots[i]?.pattern ?? "", undefined);
      new Copier(trees.from, view, { ...how, excludes, includes }).copy(source.path, op.dest);
    }
  } else {
    const copier = new Copier(trees.from, view, { ...how, excludes });
    const put = (from: Copier, path: BytePath, archive: Archive | undefined) => {
      if (archive === undefined) from.copy(path, op.dest);
      else unpackArchive(archive, view, op.dest, { owner: how.owner, nowSeconds, below: trees.below });
    };
    for (let i = 0; i <= op.sources.length; i++) {
      for (const { tree, path, archive } of (trees.remotes ?? []).filter(({ at }) => at === i))
        put(new Copier(tree, view, { ...how, excludes }), path, archive);
      for (const { path } of resolveSources(trees.from, op.sources.slice(i, i + 1)))
        put(copier, path, trees.archives?.get(path));
    }
  }
  const inline = new Copier(trees.from, view, { ...how, excludes });
  for (const file of op.inline ?? []) inline.copyInline(file.name, file.content, op.dest);
  return view;
}

function sortedPairs(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => compareBytes(a, b));
}

type PathFilter = (relative: string) => boolean;

/** --exclude: patterns of .dockerignore's kind, relative to the copied directory. */
export function filterOf(op: CopyOp): PathFilter | undefined {
  if (op.exclude === undefined || op.exclude.length === 0) return undefined;
  const matches = compilePatterns(op.exclude);
  return (relative) => !matches(relative);
}

interface Pivot {
  readonly written: string;
  /** Directory that paths are kept relative to. */
  readonly root: string;
  readonly pattern: string;
}

/** `--parents a/./b/c`: from `a` on, `b/c` is kept; without `/./` the whole path is. */
function pivotOf(written: string): Pivot {
  const cut = written.indexOf("/./");
  const root = cut < 0 ? "/" : written.slice(0, cut);
  const pattern = (cut < 0 ? written : written.slice(cut + 3)).replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
  return { written, root, pattern };
}

function resolvePivots(tree: FileTree, pivots: readonly Pivot[]): ResolvedSource[] {
  return pivots.flatMap((pivot) =>
    resolveSources(tree, [pivot.root]).map((source) => ({ ...source, written: pivot.written })),
  );
}

function includeFilter(pattern: string, excludes: PathFilter | undefined): PathFilter {
  const matches = compilePatterns([pattern === "" ? "**" : pattern]);
  return (relative) => matches(relative) && (excludes === undefined || excludes(relative));
}

/** Merkle root over what a filter takes: as the tree's own, but left-out entries are not there. */
function filteredDigest(tree: FileTree, dir: BytePath, relative: string, takes: PathFilter): Digest {
  const rows = (tree.listing(dir)?.rows ?? []).flatMap((row) => {
    const child = relative === "" ? row.name : `${relative}/${row.name}`;
    if (row.type !== "dir") return takes(child) ? [row] : [];
    const digest = filteredDigest(tree, joinPath(dir, row.name), child, takes);
    return takes(child) || digest !== EMPTY ? [{ ...row, digest }] : [];
  });
  return sha256(encodeListing({ rows }));
}

const EMPTY = sha256("");

function sha256(text: string): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(text, "latin1").digest("hex")}`);
}
