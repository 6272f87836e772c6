import { isolationOf } from "../policy.ts";
import type { Launch } from "./launch.ts";
import { attachTree, newTree } from "./mount-rows.ts";
import { Label, type Program } from "./program.ts";
import { MNT_DETACH, MOUNT_ATTR, MS, NR } from "./system-calls.ts";

/** Rows for /proc of the command's pid namespace, and for what Docker hides or protects in /proc and /sys. */
export function addProcRows(program: Program, { facts, spec }: Launch): void {
  const proc = newTree(program, "proc", MOUNT_ATTR.noSuid | MOUNT_ATTR.noDev | MOUNT_ATTR.noExec);
  if (facts.inUserNamespace) {
    // The host's, which has served (addFileSystemRows).
    program.row("detach the host's /proc", NR.umount2, [program.text("/proc"), MNT_DETACH]);
  }
  attachTree(program, proc, "/proc");
  const { readOnlyPaths, maskedPaths } = isolationOf(spec.insecure);
  for (const path of readOnlyPaths) addReadOnly(program, path);
  for (const path of maskedPaths) addMask(program, path);
}

function addReadOnly(program: Program, path: string): void {
  const missing = new Label();
  const target = program.text(path);
  program.row(`bind ${path}`, NR.mount, [target, target, 0, MS.bind | MS.recursive, 0], {
    except: { error: "ENOENT", goTo: missing },
  });
  const flags = MS.remount | MS.bind | MS.readOnly | MS.noSuid | MS.noDev | MS.noExec;
  program.row(`protect ${path}`, NR.mount, [0, target, 0, flags, 0]);
  program.place(missing);
}

/** A file gets /dev/null over it; that fails with ENOTDIR on a directory, which gets an empty tmpfs. */
function addMask(program: Program, path: string): void {
  const directory = new Label();
  const done = new Label();
  const target = program.text(path);
  program.row(`hide ${path}`, NR.mount, [program.text("/dev/null"), target, 0, MS.bind, 0], {
    except: { error: "ENOTDIR", goTo: directory },
    onError: done,
    onZero: done,
  });
  program.place(directory);
  const tmpfs = program.text("tmpfs");
  const flags = MS.readOnly | MS.noSuid | MS.noDev | MS.noExec;
  program.row(`hide ${path}`, NR.mount, [tmpfs, target, tmpfs, flags, program.text("size=0k,mode=555")]);
  program.place(done);
}
