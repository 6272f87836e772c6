import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * What a store's commands left running or lying about once none of them is alive: processes, mounts in any namespace,
 * leases (not the locks that the whole store has once and for all) and their folders. `words`: what else marks a process as theirs, in its command line or environment.
 */
export function leftovers(home: string, words: readonly string[] = []): readonly string[] {
  const marks = [home, ...words];
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return [
    ...processes.flatMap((pid) => processTraces(pid, marks)),
    ...mountsIn("self", home),
    ...["leases", "tmp"]
      .flatMap((folder) => listed(join(home, folder)))
      .filter((path) => !path.endsWith(".lock")),
  ];
}

function processTraces(pid: string, marks: readonly string[]): readonly string[] {
  const own = [textOf(`/proc/${pid}/cmdline`), textOf(`/proc/${pid}/environ`), ...linksOf(pid)];
  const traces = own.filter((text) => marks.some((mark) => text.includes(mark)));
  const mounts = marks.slice(0, 1).flatMap((home) => mountsIn(pid, home));
  return [...traces, ...mounts].map(
    (trace) => `process ${pid}: ${trace.replaceAll("\0", " ").slice(0, 200)}`,
  );
}

function linksOf(pid: string): readonly string[] {
  return ["exe", "cwd", "root"].map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/${name}`);
    } catch {
      return ""; // it is gone, or a thread of the kernel
    }
  });
}

function mountsIn(pid: string, home: string): readonly string[] {
  return textOf(`/proc/${pid}/mountinfo`)
    .split("\n")
    .filter((line) => line.includes(home));
}

function listed(dir: string): readonly string[] {
  return existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // it is gone
  }
}
