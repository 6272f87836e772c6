import { type BytePath, parentOf, pathBytes } from "../core/byte-path.ts";
import type { RootFacts } from "../core/ports.ts";
import { makeNode } from "../host/syscalls.ts";
import { type Toc, tocEntry } from "../layer/toc.ts";
import type { LayerIndex } from "../snapshot/layer-index.ts";

/** What has to lie over one layer's tree to make another's of it. */
export interface TreeDelta {
  /** Paths of the new layer that are not so in the old one. */
  readonly changed: readonly BytePath[];
  /** Paths of the old layer that the new one does not have. */
  readonly removed: readonly BytePath[];
}

/** More than this share of a layer is not worth a directory of its own in the overlay. */
const MOST = 0.25;

/**
 * The difference of two layers over the same stack, after one edit among thousands of copied files: then unpacking the new layer is
 * a matter of the edited files. Undefined where it is too large, or where hard links and whiteouts make a difference that
 * an overlay of two trees would not show.
 */
export function deltaOf(old: LayerIndex, now: LayerIndex, below: RootFacts): TreeDelta | undefined {
  if (/[hwo]/.test(old.toc.kinds) || /[hwo]/.test(now.toc.kinds)) return undefined;
  const limit = now.toc.length * MOST;
  const changed: BytePath[] = [];
  for (let row = 0; row < now.toc.length; row++) {
    const path = now.toc.paths[row];
    if (path === undefined || sameRow(old, now.toc, row, path)) continue;
    changed.push(path);
    if (changed.length > limit) return undefined;
  }
  const removed: BytePath[] = [];
  for (const path of old.toc.paths) {
    if (now.answer(path).type !== "unknown") continue;
    // A whiteout would hide what the stack below has there, which the new layer leaves alone.
    if (below.facts(path) !== undefined) return undefined;
    // What went with its directory is hidden with it.
    const parent = parentOf(path);
    if (parent === "" || now.answer(parent).type !== "unknown") removed.push(path);
  }
  return removed.length > limit ? undefined : { changed, removed };
}

function sameRow(old: LayerIndex, toc: Toc, row: number, path: BytePath): boolean {
  const answer = old.answer(path);
  if (answer.type !== "row") return false;
  const before = tocEntry(old.toc, answer.row);
  const after = tocEntry(toc, row);
  return (
    before.kind === after.kind &&
    before.mode === after.mode &&
    before.uid === after.uid &&
    before.gid === after.gid &&
    before.mtimeSeconds === after.mtimeSeconds &&
    before.mtimeNanos === after.mtimeNanos &&
    before.digest === after.digest &&
    before.target === after.target &&
    before.major === after.major &&
    before.minor === after.minor &&
    JSON.stringify(before.xattrs) === JSON.stringify(after.xattrs)
  );
}

/** Marks removed paths in a delta's directory, as overlayfs does: a character device 0:0. */
export function writeWhiteouts(dir: string, removed: readonly BytePath[]): void {
  for (const path of removed) {
    const place = Buffer.concat([Buffer.from(`${dir}/`), pathBytes(path)]);
    makeNode(place, { type: "char", mode: 0, major: 0, minor: 0 });
  }
}
