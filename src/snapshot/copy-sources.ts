import { type BytePath, encodePath, joinPath, ROOT_PATH } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";
import { matchGoPattern } from "../core/pattern/go-match.ts";
import { hasWildcard } from "../core/wildcard.ts";

/** One thing that a COPY source names: a path of the tree, and the source as written that led to it. */
export interface ResolvedSource {
  readonly written: string;
  readonly path: BytePath;
}

/**
 * The paths that the sources of a COPY name, in order. `..` is clamped at the root; wildcards are Go's filepath.Match, one
 * component at a time, dotfiles included, in byte order; a wildcard that matches nothing names nothing (BuildKit:
 * AllowEmptyWildcard), but the directory before it has to be there (fsutil copy, ResolveWildcards): where it is not, it is what
 * is returned. A plain path is returned whether or not it exists.
 */
export function resolveSources(tree: FileTree, sources: readonly string[]): ResolvedSource[] {
  return sources.flatMap((written) => {
    if (!hasWildcard(written)) return [{ written, path: encodePath(written) }];
    return expandWildcard(tree, encodePath(written)).map((path) => ({ written, path }));
  });
}

function expandWildcard(tree: FileTree, pattern: BytePath): BytePath[] {
  const parts = pattern.split("/");
  const first = parts.findIndex((part) => hasWildcard(part));
  const before = encodeParts(parts.slice(0, first));
  const base = tree.resolve(before, true);
  if (base === undefined || tree.facts(base) === undefined) return [before];
  let found: BytePath[] = [base];
  for (const [i, part] of parts.slice(first).entries()) {
    const last = i === parts.length - first - 1;
    found = found.flatMap((dir) =>
      tree
        .names(dir)
        .filter((name) => matchGoPattern(part, name))
        .map((name) => joinPath(dir, name))
        .filter((path) => last || tree.facts(path)?.type === "dir"),
    );
  }
  return found;
}

function encodeParts(parts: readonly string[]): BytePath {
  return parts.reduce<BytePath>((path, part) => joinPath(path, part), ROOT_PATH);
}
