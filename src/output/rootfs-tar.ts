import { type BytePath, joinPath, ROOT_PATH } from "../core/byte-path.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import { encodeHeader, paddingOf, type TarHeader } from "../layer/tar-header.ts";
import { archiveEnd, type Pieces } from "./archive-output.ts";

/** One tree of the archive, and the folder it stands in there: "" or `linux_arm64`. */
export interface TarRoot {
  readonly tree: FileTree;
  readonly folder: string;
}

/**
 * Root file systems as one plain tar, names in byte order: owners, modes, times, links and extended attributes as the image has
 * them. With `epochSeconds` every entry has that time. Sockets cannot be in a tar.
 */
export async function* rootfsTar(roots: readonly TarRoot[], epochSeconds: number | undefined): Pieces {
  for (const { tree, folder } of roots) {
    if (folder !== "") yield encodeHeader({ ...FOLDER, name: `${folder}/`, mtimeSeconds: epochSeconds ?? 0 });
    yield* directory(tree, ROOT_PATH, { folder, epochSeconds, links: new Map() });
  }
  yield* archiveEnd();
}

const FOLDER: Omit<TarHeader, "name"> = {
  type: "dir",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
};

interface How {
  readonly folder: string;
  readonly epochSeconds: number | undefined;
  /** First name of an inode with several, as the archive has it. */
  readonly links: Map<number, string>;
}

async function* directory(tree: FileTree, dir: BytePath, how: How): Pieces {
  for (const name of tree.names(dir)) {
    const path = joinPath(dir, name);
    const facts = tree.facts(path);
    if (facts === undefined || facts.type === "socket") continue;
    yield* entry(tree, path, facts, how);
    if (facts.type === "dir") yield* directory(tree, path, how);
  }
}

async function* entry(tree: FileTree, path: BytePath, facts: FileFacts, how: How): Pieces {
  const { type } = facts;
  if (type === "socket") return;
  const { target, linkGroup, ...rest } = facts;
  const written = how.folder === "" ? path : `${how.folder}/${path}`;
  const time = how.epochSeconds === undefined ? {} : { mtimeSeconds: how.epochSeconds, mtimeNanos: 0 };
  const header = { ...rest, ...time, name: written };
  const first = linkGroup === undefined ? undefined : how.links.get(linkGroup);
  if (first !== undefined) {
    yield encodeHeader({ ...header, type: "hardlink", size: 0, linkName: first, xattrs: undefined });
    return;
  }
  if (linkGroup !== undefined) how.links.set(linkGroup, written);
  if (type !== "file") {
    const name = type === "dir" ? `${written}/` : written;
    yield encodeHeader({ ...header, name, type, size: 0, linkName: target });
    return;
  }
  yield encodeHeader({ ...header, type });
  yield* tree.read(path);
  yield Buffer.alloc(paddingOf(facts.size));
}
