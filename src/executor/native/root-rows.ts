import type { MountTarget } from "../mount-points.ts";
import { isolationOf } from "../policy.ts";
import type { Injection } from "../stage-mounts.ts";
import { CHANNEL, type Launch } from "./launch.ts";
import { attachTree, openTree } from "./mount-rows.ts";
import { Label, MESSAGE, type Program, type Result } from "./program.ts";
import { MNT_DETACH, MOUNT_ATTR, MS, NR } from "./system-calls.ts";

/** What must be taken from the host's file system before it is out of reach. */
export interface HostTrees {
  readonly devices: ReadonlyMap<string, Result>;
  readonly injections: ReadonlyMap<Injection, Result>;
  readonly sys: Result;
  /** In a user namespace, which gets a new /proc only while it can see a whole one. */
  readonly proc: Result | undefined;
}

/** Rows that mount the root file system and make it "/". Leaves `openHostTrees` its place just before. */
export function addRootRows(program: Program, launch: Launch, openHostTrees: () => HostTrees): HostTrees {
  program.row("make mounts private", NR.mount, [0, program.text("/"), 0, MS.recursive | MS.private, 0]);
  addRootMount(program, launch);
  const trees = openHostTrees();

  program.row("enter the root file system", NR.chdir, [program.text(launch.files.root)]);
  const here = program.text(".");
  // The old root ends up on top of the new one, where only "." reaches it (pivot_root(2), NOTES).
  program.row("pivot_root", NR.pivotRoot, [here, here]);
  // RULE: before any path of the image is followed. While the old root is there, /etc/.. is it.
  program.row("detach the host's file system", NR.umount2, [here, MNT_DETACH]);
  program.row("enter /", NR.chdir, [program.text("/")]);
  return trees;
}

function addRootMount(program: Program, { spec, files }: Launch): void {
  const { noDevices } = isolationOf(spec.insecure);
  if (spec.root.type === "directory") {
    // Mounts on the caller's directory stay outside, and device nodes in it are dead.
    const attributes = noDevices ? MOUNT_ATTR.noDev : 0;
    const tree = openTree(program, spec.root.path, { recursive: false, attributes });
    attachTree(program, tree, files.root);
    return;
  }
  if (files.overlay === undefined) throw new Error("an overlay root without its mount");
  program.row("enter the store", NR.chdir, [program.text(files.overlay.directory)]);
  const type = program.text("overlay");
  const options = program.text(files.overlay.options);
  program.row("mount the overlay", NR.mount, [
    type,
    program.text(files.root),
    type,
    noDevices ? MS.noDev : 0,
    options,
  ]);
}

/** Rows that look for each target and, at the first that is missing, have the engine make them all. */
export function addMountPointRows(program: Program, targets: readonly MountTarget[]): void {
  const ask = new Label();
  const complete = new Label();
  for (const { target } of targets) {
    program.row(`look for ${target}`, NR.access, [program.text(target), 0], {
      except: { error: "ENOENT", goTo: ask },
    });
  }
  program.row("go on", NR.access, [program.text("/"), 0], { onZero: complete });
  program.place(ask);
  program.row("ask for mount points", NR.write, [CHANNEL, program.words(MESSAGE.ask), 8]);
  program.row("wait for mount points", NR.read, [CHANNEL, program.words(0), 8], { onZero: program.failure });
  program.place(complete);
}
