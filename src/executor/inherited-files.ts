import { readdirSync, readFileSync } from "node:fs";

const O_CLOEXEC = 0o2000000;

/** Descriptors above the standard three that this process was started with and would hand on: node's own are all close-on-exec. */
export function inheritedFiles(): number[] {
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((fd) => fd > 2 && survivesExec(fd));
}

function survivesExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false; // the listing's own
  }
}
