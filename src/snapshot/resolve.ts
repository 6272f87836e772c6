import { type BytePath, joinPath, parentOf, ROOT_PATH, toBytePath } from "../core/byte-path.ts";
import type { FileFacts } from "../core/file-tree.ts";

/** As many symlinks as the kernel follows in one lookup, and room for deep trees of links (MAXSYMLINKS is 40; Go's walker 255). */
const MAX_LINKS = 255;

/**
 * A path with its symlinks resolved inside the tree: absolute targets start at its root, `..` never leaves it. Missing last
 * components are kept as written, so that a path to be made resolves too; undefined where links loop.
 */
export function resolveInTree(
  tree: { facts(path: BytePath): FileFacts | undefined },
  path: string,
  followLast: boolean,
): BytePath | undefined {
  const open = path
    .split("/")
    .filter((part) => part !== "")
    .toReversed();
  let at: BytePath = ROOT_PATH;
  let links = 0;
  while (open.length > 0) {
    const part = open.pop() ?? "";
    if (part === ".") continue;
    if (part === "..") {
      at = parentOf(at);
      continue;
    }
    const next = joinPath(at, part);
    const facts = tree.facts(next);
    if (facts?.type !== "symlink" || (open.length === 0 && !followLast)) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    const target = facts.target ?? "";
    if (target.startsWith("/")) at = ROOT_PATH;
    open.push(
      ...target
        .split("/")
        .filter((name) => name !== "")
        .toReversed(),
    );
  }
  return toBytePath(at);
}
