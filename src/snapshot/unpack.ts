import {
  type BytePath,
  baseName,
  compareBytes,
  decodePath,
  joinPath,
  parentOf,
  ROOT_PATH,
} from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree, Xattrs } from "../core/file-tree.ts";
import { isTarget, readMemberName, unsafe } from "../layer/entry-name.ts";
import type { ArchiveMember } from "../layer/list-archive.ts";
import { type Edit, type EditView, notADirectory } from "./edit-view.ts";
import { resolveInTree } from "./resolve.ts";

/** An archive that ADD unpacks: its entries in order, and the bytes of its files. */
export interface Archive {
  readonly members: readonly ArchiveMember[];
  /** A piece is valid until the next is asked for. */
  readonly read: (member: ArchiveMember) => Iterable<Uint8Array>;
}

export interface UnpackOptions {
  /** --chown: of everything in the archive too. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Time of directories that the archive does not list. */
  readonly nowSeconds: number;
  /** The snapshot below: a hard link may name a file of it. */
  readonly below: FileTree;
}

/** What several names share. */
interface Inode {
  edit: Edit;
  readonly names: Set<BytePath>;
}

/**
 * Unpacks an archive below a directory of a view, as Docker's unpacker does it (moby/go-archive, Unpack) in a chroot there:
 * what is in the way is removed, a directory merges with one that is there and gives it its facts, names lead through symlinks
 * that are resolved below the destination and never out of it, the archive's owners stay. --chmod and --exclude do not matter.
 */
export function unpackArchive(archive: Archive, view: EditView, dest: string, options: UnpackOptions): void {
  const { owner, nowSeconds } = options;
  const ids = { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0 };
  const root = view.makeDirectories(Buffer.from(dest, "utf8").toString("latin1"), {
    mode: 0o755,
    ...ids,
    mtimeSeconds: nowSeconds,
  });
  const unpacker = new Unpacker(archive, view, root, options);
  for (const member of archive.members) unpacker.add(member);
  unpacker.finish();
}

class Unpacker {
  readonly #archive: Archive;
  readonly #view: EditView;
  readonly #options: UnpackOptions;
  readonly #root: BytePath;
  readonly #inodes = new Map<BytePath, Inode>();
  /** The directory of the entry before: most entries are in the same one. */
  #last: { readonly written: BytePath; readonly path: BytePath } | undefined;

  constructor(archive: Archive, view: EditView, root: BytePath, options: UnpackOptions) {
    this.#archive = archive;
    this.#view = view;
    this.#root = root;
    this.#options = options;
  }

  add(member: ArchiveMember): void {
    const name = readMemberName(member.name);
    if (name === undefined) return;
    if (name === "" && member.type !== "dir")
      throw unsafe(member.name, "it would replace the destination itself");
    const path = name === "" ? this.#root : joinPath(this.#parent(parentOf(name)), baseName(name));
    const present = this.#view.facts(path);
    if (present !== undefined && (present.type !== "dir" || member.type !== "dir")) {
      this.#view.remove(path);
      this.#last = undefined;
    }
    if (member.type === "hardlink") this.#link(path, member);
    else if (member.type === "dir")
      this.#view.put(path, { facts: this.#facts(member, "dir", present?.xattrs) });
    else this.#put(path, this.#inode(member, member.type));
  }

  /** Names of one inode become hard links to the first of them: only now is it known which names are left. */
  finish(): void {
    for (const inode of new Set(this.#inodes.values())) {
      const [first, ...others] = [...inode.names]
        .filter((name) => this.#isLive(name, inode))
        .toSorted(compareBytes);
      if (first === undefined) continue;
      for (const name of others) this.#view.put(name, { ...inode.edit, linkTo: first });
    }
  }

  /** The real directory that a name lies in, made where it is missing. Links that lead nowhere are not followed into being. */
  #parent(written: BytePath): BytePath {
    if (this.#last?.written === written) return this.#last.path;
    let at = ROOT_PATH;
    for (const part of written === "" ? [] : written.split("/")) {
      const next = this.#resolve(joinPath(at, part), true);
      const path = next === undefined ? undefined : this.#outer(next);
      const facts = path === undefined ? undefined : this.#view.facts(path);
      const isLink = next !== joinPath(at, part);
      if (next === undefined || path === undefined || (facts === undefined ? isLink : facts.type !== "dir"))
        throw notADirectory(this.#outer(joinPath(at, part)));
      if (facts === undefined) this.#view.put(path, { facts: this.#implied() });
      at = next;
    }
    const path = this.#outer(at);
    this.#last = { written, path };
    return path;
  }

  #put(path: BytePath, inode: Inode): void {
    this.#view.put(path, inode.edit);
    inode.names.add(path);
    this.#inodes.set(path, inode);
    if (inode.edit.facts.type === "symlink") this.#last = undefined;
  }

  #inode(member: ArchiveMember, type: FileFacts["type"]): Inode {
    if (type === "symlink" && !isTarget(member.linkName))
      throw unsafe(member.name, "no symlink can have its target");
    const facts = this.#facts(member, type);
    if (type !== "file") return { edit: { facts }, names: new Set() };
    const content = () => this.#archive.read(member);
    return { edit: { facts, content, digest: member.digest }, names: new Set() };
  }

  /** A hard link's header has facts of its own; they are the inode's from then on, as chown and chmod on the name make them. */
  #link(path: BytePath, member: ArchiveMember): void {
    const found = this.#resolve(member.linkName, false);
    const target = found === undefined ? undefined : this.#outer(found);
    const present = target === undefined ? undefined : this.#view.facts(target);
    if (target === undefined || present === undefined || present.type === "dir") throw badLink(member);
    const inode = this.#inodeAt(target, present);
    this.#put(path, inode);
    const { type, xattrs, target: linkTarget } = inode.edit.facts;
    const own = this.#facts(member, type, xattrs);
    const { mode, mtimeSeconds } = type === "symlink" ? inode.edit.facts : own;
    const facts = { ...own, size: inode.edit.facts.size, mode, mtimeSeconds };
    const names = [...inode.names].filter((name) => this.#isLive(name, inode));
    inode.edit = {
      ...inode.edit,
      facts: linkTarget === undefined ? facts : { ...facts, target: linkTarget },
    };
    for (const name of names) this.#view.put(name, inode.edit);
  }

  #inodeAt(path: BytePath, present: FileFacts): Inode {
    const known = this.#inodes.get(path);
    if (known !== undefined && this.#isLive(path, known)) return known;
    const own = this.#view.edit(path);
    const { linkGroup: _, ...facts } = present;
    const { below } = this.#options;
    const fromBelow = (): Edit =>
      facts.type === "file"
        ? { facts, content: () => below.read(path), digest: below.contentDigest(path) }
        : { facts };
    const inode: Inode = { edit: own ?? fromBelow(), names: new Set() };
    this.#put(path, inode);
    return inode;
  }

  #isLive(name: BytePath, inode: Inode): boolean {
    return this.#view.edit(name) === inode.edit;
  }

  #facts(member: ArchiveMember, type: FileFacts["type"], before?: Xattrs): FileFacts {
    const { owner } = this.#options;
    const { mode, uid, gid, mtimeSeconds, linkName, major, minor } = member;
    const xattrs = { ...before, ...member.xattrs };
    return {
      type,
      mode: type === "symlink" ? 0o777 : mode,
      uid: owner?.uid ?? uid,
      gid: owner?.gid ?? gid,
      size: type === "file" ? member.size : 0,
      // Docker takes what lies before 1970 for 1970.
      mtimeSeconds: Math.max(mtimeSeconds, 0),
      mtimeNanos: 0,
      ...(type === "symlink" ? { target: linkName } : {}),
      ...(type === "char" || type === "block" ? { major, minor } : {}),
      ...(Object.keys(xattrs).length === 0 ? {} : { xattrs }),
    };
  }

  /** A directory that no entry lists is root's, whatever --chown says. */
  #implied(): FileFacts {
    const mtimeSeconds = this.#options.nowSeconds;
    return { type: "dir", mode: 0o755, uid: 0, gid: 0, size: 0, mtimeSeconds, mtimeNanos: 0 };
  }

  /** Below the destination, as in a chroot there. */
  #resolve(path: string, followLast: boolean): BytePath | undefined {
    const inner = { facts: (inside: BytePath) => this.#view.facts(this.#outer(inside)) };
    return resolveInTree(inner, path, followLast);
  }

  #outer(inside: BytePath): BytePath {
    return joinPath(this.#root, inside);
  }
}

function badLink({ name, linkName }: ArchiveMember): BuildError {
  const what = `"${decodePath(name)}" is a hard link to "${decodePath(linkName)}"`;
  return new BuildError(
    "layer/bad-tar",
    `the archive's entry ${what}, and there is no such file at that point`,
  );
}
