import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EPOCH, importBusybox } from "./busybox-image.ts";
import { leftovers } from "./leftovers.ts";
import { type Ran, runTsbuild, tsbuild } from "./run-tsbuild.ts";
import { tempDir } from "./temp-dir.ts";

/** A store with busybox in it, for tests of containers. */
export interface ContainerStore extends Disposable {
  readonly home: string;
  /** A folder beside the store; relative paths of commands begin there. */
  readonly folder: string;
  /** Must end with exit code 0; the answer is standard output without its last newline. */
  run(...args: readonly string[]): string;
  /** May fail. */
  attempt(...args: readonly string[]): Ran;
  /** `ps -a`, `NAME STATUS` a line, without how long ago. */
  statuses(): readonly string[];
  /** Process that runs a detached container. */
  monitorOf(name: string): number;
  removeAll(): void;
  /** Processes, mounts and leases that are left. A container's process says that it has ended a moment before it has. */
  leftovers(): readonly string[];
}

export function containerStore(name: string): ContainerStore {
  const dir = tempDir(name);
  const home = join(dir.path, "store");
  importBusybox(home);
  const options = { home, cwd: dir.path, env: EPOCH };
  const run = (...args: readonly string[]) => tsbuild(args, options).stdout.replace(/\n$/, "");
  const removeAll = () => {
    for (const id of run("ps", "-aq").split("\n")) if (id !== "") run("rm", "-f", id);
  };
  return {
    home,
    removeAll,
    folder: dir.path,
    run,
    attempt: (...args) => runTsbuild(args, options),
    statuses: () =>
      run("ps", "-a", "--format", "{{.Names}} {{.Status}}")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.replace(/ (?:Less than |About )?(?:an?|\d+) \w+(?: ago)?$/, "")),
    monitorOf: (container) => {
      const id = run("inspect", "--type", "container", "-f", "{{.Id}}", container);
      return processesWith(`monitor\0${id}`)[0] ?? 0;
    },
    leftovers: () => leftovers(home),
    [Symbol.dispose]: () => {
      removeAll();
      dir[Symbol.dispose]();
    },
  };
}

function processesWith(text: string): readonly number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
      } catch {
        return false; // it is gone
      }
    })
    .map(Number);
}
