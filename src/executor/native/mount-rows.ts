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
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
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
  const recursive = options.recursive ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive;
  const tree = program.row(`open ${path}`, NR.openTree, [AT_FDCWD, program.text(path), flags]);
  if (options.attributes !== 0) {
    const attributes = program.words(options.attributes, 0, 0, 0);
    const empty = program.text("");
    program.row(`restrict ${path}`, NR.mountSetattr, [
      tree,
      empty,
      AT_EMPTY_PATH | recursive,
      attributes,
      32,
    ]);
  }
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
