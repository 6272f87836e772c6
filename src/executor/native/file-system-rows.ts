import { DEVICE_LINKS, DEVICES, isolationOf, SHM_BYTES } from "../policy.ts";
import { mountAround, mountTargets, type RunFiles } from "../run-files.ts";
import type { Injection } from "../stage-mounts.ts";
import { CHANNEL, hasTerminal, type Launch, TERMINAL_PATH } from "./launch.ts";
import { attachTree, newTree, openTree, openTreeBeneath } from "./mount-rows.ts";
import { MESSAGE, type Program, type Result } from "./program.ts";
import { addMountPointRows, type HostTrees } from "./root-rows.ts";
import { MOUNT_ATTR, MS, NR } from "./system-calls.ts";

const S_IFREG = 0o100000;

/** Copies of the host's mounts that the root needs, taken while their paths still mean the host's. */
export function openHostTrees(program: Program, { spec, files, facts }: Launch): HostTrees {
  const devices = new Map<string, Result>();
  for (const name of DEVICES) {
    devices.set(name, openTree(program, `/dev/${name}`, { recursive: false, attributes: 0 }));
  }
  const injections = new Map<Injection, Result>();
  for (const injection of files.injections) {
    const attributes = MOUNT_ATTR.noDev | (injection.readOnly ? MOUNT_ATTR.readOnly : 0);
    const options = { recursive: true, attributes };
    const tree =
      injection.beneath === undefined
        ? openTree(program, injection.source, options)
        : openTreeBeneath(program, injection.source, injection.beneath, options);
    injections.set(injection, tree);
  }
  // A user namespace that shares the network is refused a new sysfs.
  const bindsSys = facts.inUserNamespace && spec.network === "host";
  const access = isolationOf(spec.insecure).readOnlySys ? MOUNT_ATTR.readOnly : 0;
  const attributes = access | MOUNT_ATTR.noSuid | MOUNT_ATTR.noDev | MOUNT_ATTR.noExec;
  const sys = bindsSys
    ? openTree(program, "/sys", { recursive: true, attributes })
    : newTree(program, "sysfs", attributes);
  const proc = facts.inUserNamespace
    ? openTree(program, "/proc", { recursive: true, attributes: 0 })
    : undefined;
  return { devices, injections, sys, proc };
}

/** Rows for /dev, /sys and what is injected, run once the root is "/". /proc needs the command's pid namespace and comes later. */
export function addFileSystemRows(program: Program, launch: Launch, trees: HostTrees): void {
  program.row("set the umask", NR.umask, [0]);
  addMountPointRows(program, mountTargets(launch.files));
  addDev(program, launch, trees);
  addSys(program, launch, trees);
  if (trees.proc !== undefined) attachTree(program, trees.proc, "/proc");
  for (const [injection, tree] of trees.injections) {
    const around = mountAround(launch.files, injection);
    if (around !== undefined) addTargetInside(program, around, injection);
    attachTree(program, tree, injection.target);
  }
  if (launch.spec.readOnlyRoot === true) {
    const flags = MS.remount | MS.bind | MS.readOnly | noDevices(launch);
    program.row("make the root read-only", NR.mount, [0, program.text("/"), 0, flags, 0]);
  }
}

/** Rows that mount, still on the host's file system, what injections are taken from. */
export function addStageRows(program: Program, files: RunFiles): void {
  for (const { directory, from } of files.stages) {
    const place = program.text(directory);
    if (from.type === "tmpfs") {
      const tmpfs = program.text("tmpfs");
      const flags = MS.noSuid | MS.noDev;
      program.row("mount a tmpfs", NR.mount, [tmpfs, place, tmpfs, flags, program.text(from.options)]);
      continue;
    }
    const overlay = program.text("overlay");
    program.row("enter the store", NR.chdir, [program.text(from.overlay.directory)]);
    const options = program.text(from.overlay.options);
    program.row("mount what is bound", NR.mount, [overlay, place, overlay, MS.noDev, options]);
  }
}

function noDevices({ spec }: Launch): number {
  return isolationOf(spec.insecure).noDevices ? MS.noDev : 0;
}

function addDev(program: Program, launch: Launch, trees: HostTrees): void {
  const { facts, spec } = launch;
  mount(program, {
    type: "tmpfs",
    target: "/dev",
    flags: MS.noSuid | noDevices(launch) | MS.strictAtime,
    options: "mode=755,size=65536k",
  });
  for (const [name, tree] of trees.devices) {
    program.row(`make /dev/${name}`, NR.mknod, [program.text(`/dev/${name}`), S_IFREG | 0o666, 0]);
    attachTree(program, tree, `/dev/${name}`);
  }
  for (const [name, target] of DEVICE_LINKS) {
    program.row(`link /dev/${name}`, NR.symlink, [program.text(target), program.text(`/dev/${name}`)]);
  }
  for (const name of ["pts", "shm", "mqueue"]) {
    program.row(`make /dev/${name}`, NR.mkdir, [program.text(`/dev/${name}`), 0o755]);
  }
  const terminals = `newinstance,ptmxmode=0666,mode=0620${facts.hasTtyGroup ? ",gid=5" : ""}`;
  mount(program, { type: "devpts", target: "/dev/pts", flags: MS.noSuid | MS.noExec, options: terminals });
  if (hasTerminal(spec)) addTerminal(program);
  mount(program, {
    type: "tmpfs",
    target: "/dev/shm",
    flags: MS.noSuid | MS.noDev | MS.noExec,
    options: `mode=1777,size=${spec.shmBytes ?? SHM_BYTES}`,
  });
  mount(program, {
    type: "mqueue",
    target: "/dev/mqueue",
    flags: MS.noSuid | MS.noDev | MS.noExec,
    options: "",
  });
}

/** The engine opens the other end of it, through this process's root; /dev/console is the same terminal, as Docker has it. */
function addTerminal(program: Program): void {
  program.row("ask for a terminal", NR.write, [CHANNEL, program.words(MESSAGE.terminal), 8]);
  program.row("wait for a terminal", NR.read, [CHANNEL, program.words(0), 8], { onZero: program.failure });
  const terminal = program.text(TERMINAL_PATH);
  const console = program.text("/dev/console");
  program.row("make /dev/console", NR.mknod, [console, S_IFREG | 0o600, 0]);
  program.row("mount /dev/console", NR.mount, [terminal, console, 0, MS.bind, 0]);
}

function addSys(program: Program, { facts, spec }: Launch, trees: HostTrees): void {
  attachTree(program, trees.sys, "/sys");
  if (facts.inUserNamespace) return;
  const access = isolationOf(spec.insecure).readOnlySys ? MS.readOnly : 0;
  const flags = access | MS.noSuid | MS.noDev | MS.noExec;
  const cgroup2 = program.text("cgroup2");
  const target = program.text("/sys/fs/cgroup");
  // Runtimes read their memory limit there; without it they take the machine's.
  program.row("mount /sys/fs/cgroup", NR.mount, [cgroup2, target, cgroup2, flags, 0], { onError: "ignore" });
}

/**
 * What lies inside a mount is made there without asking: nothing of it reaches the layer, and the image's root is the
 * kernel's by now, so that no link leads out.
 */
function addTargetInside(program: Program, around: string, { target, type }: Injection): void {
  const parts = target.split("/");
  const directories = type === "directory" ? parts.length : parts.length - 1;
  for (let i = around.split("/").length + 1; i <= directories; i++) {
    const path = parts.slice(0, i).join("/");
    program.row(`make the mount point ${path}`, NR.mkdir, [program.text(path), 0o755], {
      except: { error: "EEXIST" },
    });
  }
  if (type === "file") {
    program.row(`make the mount point ${target}`, NR.mknod, [program.text(target), S_IFREG | 0o644, 0], {
      except: { error: "EEXIST" },
    });
  }
}

interface MountRow {
  readonly type: string;
  readonly target: string;
  readonly flags: number;
  readonly options: string;
}

function mount(program: Program, { type, target, flags, options }: MountRow): void {
  const name = program.text(type);
  program.row(`mount ${target}`, NR.mount, [name, program.text(target), name, flags, program.text(options)]);
}
