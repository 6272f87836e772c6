import { readFileSync } from "node:fs";

/** Changes with every boot of this machine; undefined where the system has none (only Linux has). */
export function readBootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}
