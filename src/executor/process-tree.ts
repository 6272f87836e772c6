import { readdirSync, readFileSync } from "node:fs";

/** The first child of a process, or undefined where it has none or is gone. The command, below a keeper. */
export function onlyChildOf(pid: number): number | undefined {
  return childrenOf(pid)[0];
}

/** The processes below `pid` that are pid 1 of their namespaces, the outermost first: a launcher's keeper, the command. */
export function initsBelow(pid: number): number[] {
  return descendantsOf(pid)
    .map((descendant) => ({ pid: descendant, ids: namespaceIds(descendant) }))
    .filter(({ ids }) => ids.length > 1 && ids.at(-1) === 1)
    .toSorted((a, b) => a.ids.length - b.ids.length)
    .map((init) => init.pid);
}

/** A command and all below it. */
export function processesOf(pid: number): number[] {
  return [pid, ...descendantsOf(pid)];
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Of all its threads: a Go runtime starts its children from any of them. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim();
      return text === "" ? [] : text.split(" ").map(Number);
    });
  } catch {
    return []; // it is gone
  }
}

/** The process's ids from our pid namespace down to its own. */
function namespaceIds(pid: number): number[] {
  try {
    const line = /^NSpid:\s*(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
    return line.split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
