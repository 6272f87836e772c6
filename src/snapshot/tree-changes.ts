import { type BytePath, compareBytes, joinPath, parentOf, toBytePath } from "../core/byte-path.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import type { PackEntry } from "../core/ports.ts";
import { type DiskEntry, diskFacts, diskPath } from "./disk-entry.ts";
import { whiteout } from "./edit-view.ts";
import { hashFile, readFileBytes } from "./file-content.ts";

/** What a step left on disk, against the snapshot it started from. */
export interface DiskChanges {
  /** Candidates: paths that may differ, byte order. */
  readonly present: readonly DiskEntry[];
  /** Paths of the snapshot that are gone. */
  readonly removed: readonly BytePath[];
}

/**
 * The canonical layer of what a step did: entries equal to the snapshot's dropped, parents present, whiteouts explicit, hard
 * links within the layer with the first path as target, whole-second times.
 */
export function* packChanges(root: string, changes: DiskChanges, below: FileTree): Iterable<PackEntry> {
  const entries = new Map<BytePath, PackEntry>();
  const removed = topmost(changes.removed);
  for (const path of removed) entries.set(path, { entry: whiteout(path) });
  const firstOfInode = new Map<number, BytePath>();
  for (const entry of changes.present) {
    const facts = diskFacts(root, entry);
    if (facts === undefined) continue;
    const before = below.facts(entry.path);
    // A file in place of a directory hides all of it; a directory in place of a file needs no whiteout either: the entry replaces.
    if (before !== undefined && equalsBelow({ root, entry, facts, before, below })) continue;
    entries.set(entry.path, toPackEntry({ root, entry, facts, firstOfInode }));
  }
  addParents(entries, changes.present, { root, below });
  for (const path of [...entries.keys()].toSorted(compareBytes)) {
    const entry = entries.get(path);
    if (entry !== undefined) yield entry;
  }
}

function equalsBelow(at: {
  readonly root: string;
  readonly entry: DiskEntry;
  readonly facts: FileFacts;
  readonly before: FileFacts;
  readonly below: FileTree;
}): boolean {
  const { facts, before, entry } = at;
  if (
    facts.type !== before.type ||
    (facts.mode !== before.mode && facts.type !== "symlink") ||
    facts.uid !== before.uid ||
    facts.gid !== before.gid ||
    facts.size !== before.size ||
    facts.mtimeSeconds !== before.mtimeSeconds ||
    facts.target !== before.target ||
    facts.major !== before.major ||
    facts.minor !== before.minor ||
    !sameRecord(facts.xattrs, before.xattrs)
  ) {
    return false;
  }
  // A new hard link to a file of a lower layer is a file of its own: links do not cross layers.
  return (
    facts.type !== "file" || hashFile(diskPath(at.root, entry.path)) === at.below.contentDigest(entry.path)
  );
}

function sameRecord(
  a: Readonly<Record<string, string>> = {},
  b: Readonly<Record<string, string>> = {},
): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

function toPackEntry(at: {
  readonly root: string;
  readonly entry: DiskEntry;
  readonly facts: FileFacts;
  readonly firstOfInode: Map<number, BytePath>;
}): PackEntry {
  const { root, entry, firstOfInode } = at;
  const { type, linkGroup, ...facts } = at.facts;
  if (linkGroup !== undefined) {
    const first = firstOfInode.get(linkGroup);
    if (first !== undefined) {
      return { entry: { ...facts, path: entry.path, kind: "hardlink", size: 0, target: first } };
    }
    firstOfInode.set(linkGroup, entry.path);
  }
  const packed = { ...facts, path: entry.path, kind: type };
  return type === "file"
    ? { entry: packed, content: () => readFileBytes(diskPath(root, entry.path)) }
    : { entry: packed };
}

/** Parents of what changed, with the facts they have now; where the step left them alone, the snapshot's own. */
function addParents(
  entries: Map<BytePath, PackEntry>,
  present: readonly DiskEntry[],
  at: { readonly root: string; readonly below: FileTree },
): void {
  const onDisk = new Map(present.map((entry) => [entry.path, entry]));
  for (const path of Array.from(entries.keys())) {
    for (let parent = parentOf(path); parent !== "" && !entries.has(parent); parent = parentOf(parent)) {
      const entry = onDisk.get(parent);
      const facts = (entry === undefined ? undefined : diskFacts(at.root, entry)) ?? at.below.facts(parent);
      if (facts === undefined) break;
      const { type, linkGroup: _group, ...rest } = facts;
      entries.set(parent, { entry: { ...rest, path: parent, kind: type } });
    }
  }
}

/** Of nested removals only the outermost: one whiteout hides all below it. */
function topmost(paths: readonly BytePath[]): BytePath[] {
  const kept = new Set<BytePath>();
  for (const path of paths.toSorted(compareBytes)) {
    let parent = parentOf(path);
    while (parent !== "" && !kept.has(parent)) parent = parentOf(parent);
    if (parent === "") kept.add(path);
  }
  return [...kept];
}

/** Paths below `dir` of the snapshot that a listing of what is left does not have. */
export function missingBelow(below: FileTree, dir: BytePath, left: ReadonlySet<string>): BytePath[] {
  return below.names(dir).flatMap((name) => (left.has(name) ? [] : [toBytePath(joinPath(dir, name))]));
}
