import type { Program, Result } from "./program.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  FSCONFIG_CMD_CREATE,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_SYMLINKS,
  NR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "./system-calls.ts";

/** How a tree of mounts is taken for binding it elsewhere. */
export interface TreeOptions {
  readonly recursive: boolean;
  /** MOUNT_ATTR flags to add to those it has. */
  readonly attributes: number;
}

/**
 * Rows that take a detached copy of the mount at `path`: its result goes to attachTree, also after pivot_root, when the
 * path itself cannot be reached any more.
 */
export function openTree(program: Program, path: string, options: TreeOptions): Result {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursion(options);
  const tree = program.row(`open ${path}`, NR.openTree, [AT_FDCWD, program.text(path), flags]);
  return restrict(program, tree, path, options);
}

/**
 * The same of `path` below the directory `root`, whose files others may be moving about meanwhile: the kernel takes the
 * directory for the root of everything, in one call (CVE-2024-23651). Linux 5.6.
 */
export function openTreeBeneath(program: Program, root: string, path: string, options: TreeOptions): Result {
  const from = program.row(`open ${root}`, NR.open, [
    program.text(root),
    O_PATH | O_DIRECTORY | O_CLOEXEC,
    0,
  ]);
  // struct open_how: flags, mode, resolve.
  const how = program.words(O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  const found = program.row(`find ${path}`, NR.openat2, [
    from,
    program.text(path.replace(/^\/+/, "")),
    how,
    24,
  ]);
  const flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursion(options);
  const tree = program.row(`open ${path}`, NR.openTree, [found, program.text(""), flags]);
  return restrict(program, tree, path, options);
}

function recursion({ recursive }: TreeOptions): number {
  return recursive ? AT_RECURSIVE : 0;
}

function restrict(program: Program, tree: Result, path: string, options: TreeOptions): Result {
  if (options.attributes === 0) return tree;
  const attributes = program.words(options.attributes, 0, 0, 0);
  const empty = program.text("");
  const flags = AT_EMPTY_PATH | recursion(options);
  program.row(`restrict ${path}`, NR.mountSetattr, [tree, empty, flags, attributes, 32]);
  return tree;
}

/** Rows that make a new file system without a place yet; its result goes to attachTree. */
export function newTree(program: Program, type: string, attributes: number): Result {
  const context = program.row(`open a new ${type}`, NR.fsopen, [program.text(type), FSOPEN_CLOEXEC]);
  program.row(`make a new ${type}`, NR.fsconfig, [context, FSCONFIG_CMD_CREATE, 0, 0, 0]);
  return program.row(`mount a new ${type}`, NR.fsmount, [context, FSMOUNT_CLOEXEC, attributes]);
}

/** Symbolic links in `target` are followed: inside the root, once it is "/". */
export function attachTree(program: Program, tree: Result, target: string): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
  program.row(`mount ${target}`, NR.moveMount, [
    tree,
    program.text(""),
    AT_FDCWD,
    program.text(target),
    flags,
  ]);
}
