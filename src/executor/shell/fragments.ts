import type { OverlayMount } from "../overlay-mount.ts";
import { DEVICE_LINKS, DEVICES } from "../policy.ts";

/** A word of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Beginning of a launcher's script: any failing command is reported, with the step that `step` named last. */
export const PREAMBLE = `set -u
now="start"
step() { now=$1; shift; "$@" || { echo "failed $now" >&3; exit 125; }; }
`;

/** Lines that mount the root file system at `root`: the overlay, or `directory` bound there. Device nodes in it are dead. */
export function mountRootLines(
  root: string,
  from: { readonly overlay: OverlayMount | undefined; readonly directory: string },
): string {
  if (from.overlay !== undefined) {
    const options = quote(`nodev,${from.overlay.options}`);
    return `step "enter the store" cd ${quote(from.overlay.directory)}
step "mount the overlay" mount -i -t overlay -o ${options} overlay ${quote(root)}
cd /
`;
  }
  return `step "mount the root" mount --bind ${quote(from.directory)} ${quote(root)}
step "restrict the root" mount -o remount,bind,nodev ${quote(root)}
`;
}

/** Lines that make /dev at `dev`, a word of the shell: a tmpfs that honours no device nodes, the host's bound into it. */
export function deviceLines(dev: string): string {
  const bind = (name: string): string =>
    `: > ${dev}/${name}; step "mount /dev/${name}" mount --bind /dev/${name} ${dev}/${name}`;
  return `step "mount /dev" mount -i -t tmpfs -o nosuid,nodev,strictatime,mode=755,size=65536k tmpfs ${dev}
${DEVICES.map(bind).join("\n")}
${DEVICE_LINKS.map(([name, target]) => `ln -s ${quote(target)} ${dev}/${name}`).join("\n")}
mkdir ${dev}/pts ${dev}/shm ${dev}/mqueue
`;
}
