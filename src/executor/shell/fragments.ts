import type { RunSpec } from "../../core/ports.ts";
import type { OverlayMount } from "../overlay-mount.ts";
import { DEVICE_LINKS, DEVICES, isolationOf } from "../policy.ts";
import type { RunFiles } from "../run-files.ts";
import { stagedPath } from "../stage-mounts.ts";

/** A word of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Beginning of a launcher's script: any failing command is reported, with the step that `step` named last. */
export const PREAMBLE = `set -u
now="start"
step() { now=$1; shift; "$@" || { echo "failed $now" >&3; exit 125; }; }
`;

/** Lines that take the launcher and all it starts into the control group. */
export function controlGroupLines({ controlGroup }: RunSpec): string {
  const failed = `{ echo "failed join the control group" >&3; exit 125; }`;
  // By the shell itself: 0 is whoever writes it.
  return (controlGroup?.joinFiles ?? []).map((path) => `echo 0 >${quote(path)} || ${failed}`).join("\n");
}

/**
 * Lines that mount what injections are taken from. Where others may be writing (`beneath`), mount(8) may have been led
 * astray: the engine then looks at what was mounted, before anything is made of it.
 */
export function stageLines(files: RunFiles): string {
  const lines = files.stages.map(({ directory, from }) =>
    from.type === "tmpfs"
      ? `step "mount a tmpfs" mount -i -t tmpfs -o ${quote(`nosuid,nodev,${from.options}`)} tmpfs ${quote(directory)}`
      : `step "enter the store" cd ${quote(from.overlay.directory)}
step "mount what is bound" mount -i -t overlay -o ${quote(`nodev,${from.overlay.options}`)} overlay ${quote(directory)}
cd /`,
  );
  for (const injection of files.injections) {
    if (injection.beneath === undefined) continue;
    const source = quote(injection.seenAt ?? "");
    lines.push(
      `step "find ${injection.target.replaceAll(/[^\w./-]/g, "_")}" mount --bind ${source} ${quote(stagedPath(files, injection))}`,
    );
  }
  if (files.injections.some(({ beneath }) => beneath !== undefined)) lines.push(ask("verify"));
  if (files.private !== undefined) {
    const { directory } = files.private;
    lines.push(
      `step "mount the secrets" mount -i -t tmpfs -o nosuid,nodev,noexec,mode=700 tmpfs ${quote(directory)}`,
    );
    lines.push(ask("private"));
  }
  return lines.join("\n");
}

function ask(question: string): string {
  return `echo ${question} >&3\nread -r answer <&3 || exit 125`;
}

/** Lines that mount the root file system at `root`: the overlay, or `directory` bound there. Device nodes in it are dead. */
export function mountRootLines(
  root: string,
  from: {
    readonly overlay: OverlayMount | undefined;
    readonly directory: string;
    readonly insecure: boolean | undefined;
  },
): string {
  const { noDevices } = isolationOf(from.insecure);
  if (from.overlay !== undefined) {
    const options = quote(`${noDevices ? "nodev," : ""}${from.overlay.options}`);
    return `step "enter the store" cd ${quote(from.overlay.directory)}
step "mount the overlay" mount -i -t overlay -o ${options} overlay ${quote(root)}
cd /
`;
  }
  return `step "mount the root" mount --bind ${quote(from.directory)} ${quote(root)}
${noDevices ? `step "restrict the root" mount -o remount,bind,nodev ${quote(root)}` : ""}
`;
}

/** Lines that make /dev at `dev`, a word of the shell: a tmpfs that honours no device nodes, the host's bound into it. */
export function deviceLines(dev: string, insecure: boolean | undefined): string {
  const options = `nosuid,${isolationOf(insecure).noDevices ? "nodev," : ""}strictatime,mode=755,size=65536k`;
  const bind = (name: string): string =>
    `: > ${dev}/${name}; step "mount /dev/${name}" mount --bind /dev/${name} ${dev}/${name}`;
  return `step "mount /dev" mount -i -t tmpfs -o ${options} tmpfs ${dev}
${DEVICES.map(bind).join("\n")}
${DEVICE_LINKS.map(([name, target]) => `ln -s ${quote(target)} ${dev}/${name}`).join("\n")}
mkdir ${dev}/pts ${dev}/shm ${dev}/mqueue
`;
}
