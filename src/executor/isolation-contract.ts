import { existsSync } from "node:fs";
import { CAPABILITIES, MASKED_PATHS } from "./policy.ts";

/** What a command saw of itself, as text: /proc/self/status and /proc/self/mountinfo. */
export interface Observation {
  readonly status: string;
  readonly mountinfo: string;
}

/** What is missing of Docker's isolation, in words; empty where nothing is. */
export function lacksOf({ status, mountinfo }: Observation): string[] {
  const lacks: string[] = [];
  const mask = Object.values(CAPABILITIES).reduce((bits, n) => bits | (1n << BigInt(n)), 0n);
  for (const [field, title] of [
    ["CapEff", "effective"],
    ["CapBnd", "bounding"],
  ] as const) {
    if (BigInt(`0x${fieldOf(status, field) || "0"}`) !== mask)
      lacks.push(`${title} capabilities are not Docker's`);
  }
  if (fieldOf(status, "Seccomp") !== "2") lacks.push("no seccomp filter");
  if (fieldOf(status, "Pid") !== "1") lacks.push("no pid namespace of its own");
  const mounts = parseMounts(mountinfo);
  const has = (path: string, option: string): boolean => mounts.get(path)?.includes(option) === true;
  if (!has("/", "nodev")) lacks.push("device nodes in the image work");
  if (!has("/dev", "nodev")) lacks.push("new device nodes in /dev work");
  if (!has("/sys", "ro")) lacks.push("/sys is writable");
  if (!has("/proc/sys", "ro")) lacks.push("/proc/sys is writable");
  for (const path of MASKED_PATHS) {
    if (existsSync(path) && !mounts.has(path)) lacks.push(`${path} is visible`);
  }
  return lacks;
}

function fieldOf(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
}

/** Mount point to its options, the topmost mount of each (proc_pid_mountinfo(5), fields 5 and 6). */
function parseMounts(mountinfo: string): Map<string, readonly string[]> {
  return new Map(
    mountinfo
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map((fields) => [fields[4] ?? "", (fields[5] ?? "").split(",")]),
  );
}
