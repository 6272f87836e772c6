import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeMountPoints } from "./mount-points.ts";

/** Files that the command finds in /etc: Docker's three. */
export const INJECTED_NAMES = ["hosts", "hostname", "resolv.conf"] as const;

/**
 * The directory that is the bottommost lower of every overlay: it holds the mount points of /dev, /proc, /sys and of the
 * injected files, so that mounting leaves nothing in the upper. Made once, the same for all; it must lie on the file
 * system of the layers, or `tar --one-file-system` in a command would see two devices.
 */
export function openScaffold(home: string): string {
  const scaffold = join(home, "scaffold");
  // Written last, so its presence says that the rest is there.
  const last = join(scaffold, "etc", "resolv.conf");
  if (existsSync(last)) return scaffold;
  for (const name of ["", "dev", "etc", "proc", "sys"]) {
    const directory = join(scaffold, name);
    mkdirSync(directory, { recursive: true });
    // A scratch image shows them as its own: whatever the umask, they are as Docker makes them.
    chmodSync(directory, 0o755);
  }
  for (const name of INJECTED_NAMES) {
    const file = join(scaffold, "etc", name);
    writeFileSync(file, "", { flag: "a" });
    chmodSync(file, 0o644);
  }
  return scaffold;
}

/** The same in a root that is a plain directory and outlives the run: a container's. What is there already stays. */
export function makeScaffold(root: string): void {
  makeMountPoints(root, [
    ...["/dev", "/proc", "/sys"].map((target) => ({ target, type: "directory" as const })),
    ...INJECTED_NAMES.map((name) => ({ target: `/etc/${name}`, type: "file" as const })),
  ]);
}
