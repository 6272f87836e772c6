import type { RunSpec } from "../../core/ports.ts";
import type { HostFacts } from "../host-facts.ts";
import { inheritedFiles } from "../inherited-files.ts";
import { CAPABILITIES, MASKED_PATHS, OPEN_FILES, READ_ONLY_PATHS } from "../policy.ts";
import { mountTargets, type RunFiles, tmpfsOptions } from "../run-files.ts";
import { deviceLines, mountRootLines, PREAMBLE, quote } from "./fragments.ts";

export interface ScriptInput {
  readonly spec: RunSpec;
  readonly files: RunFiles;
  readonly facts: HostFacts;
  /** Standard input and output are a terminal, to be the command's own. */
  readonly hasTerminal: boolean;
}

/** In /dev, a tmpfs of ours, while the old root is on its way out. */
export const OLD_ROOT = ".host";

/** Words of the shell: what the engine resolved for the first three mount points. */
const PROC = '"$target0"';
const DEV = '"$target1"';
const SYS = '"$target2"';

/**
 * Runs in the mount namespace made for the command. Paths of mount points come resolved from the engine, a line each, for
 * mount(8) would follow the image's symbolic links out of it.
 */
export function launcherScript(input: ScriptInput, keeper: string): string {
  const { spec, files } = input;
  const from = { overlay: files.overlay, directory: spec.root.type === "directory" ? spec.root.path : "" };
  const fifos = ["out", "err"].map((name) => quote(`${files.directory}/${name}`));
  // It does not die with this shell by itself, and the keeper only with it.
  const unshare = "setpriv --pdeathsig KILL -- unshare --pid --fork --kill-child=KILL --";
  const run = `${unshare} sh ${quote(keeper)} "$@"`;
  return `${PREAMBLE}
${mountRootLines(files.root, from)}
echo ask >&3
${mountTargets(files)
  .map((_, i) => `IFS= read -r target${i} <&3 || exit 125; export target${i}`)
  .join("\n")}
${mountLines(input)}
${
  input.hasTerminal
    ? run
    : `mkfifo -m 0622 ${fifos.join(" ")}
cat <${fifos[0]} 3<&- &
cat <${fifos[1]} >&2 3<&- &
${run} >${fifos[0]} 2>${fifos[1]}
wait`
}
`;
}

function mountLines({ spec, files, facts }: ScriptInput): string {
  const targets = mountTargets(files);
  const gid = facts.hasTtyGroup ? ",gid=5" : "";
  const lines = [
    deviceLines(DEV),
    `step "mount /dev/pts" mount -i -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620${gid} devpts ${DEV}/pts`,
    `step "mount /dev/shm" mount -i -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=65536k tmpfs ${DEV}/shm`,
    `step "mount /dev/mqueue" mount -i -t mqueue -o nosuid,nodev,noexec mqueue ${DEV}/mqueue`,
    facts.inUserNamespace && spec.network === "host"
      ? `step "mount /sys" mount --rbind /sys ${SYS}; step "protect /sys" mount -o remount,bind,ro,nosuid,nodev,noexec ${SYS}`
      : `step "mount /sys" mount -i -t sysfs -o ro,nosuid,nodev,noexec sysfs ${SYS}`,
  ];
  for (const injection of files.injections) {
    const known = targets.indexOf(injection);
    const target = known >= 0 ? `"$target${known}"` : inDev(injection.target);
    if (known < 0) lines.push(makeInDev(injection));
    const options = `remount,bind,nodev${injection.readOnly ? ",ro" : ""}`;
    lines.push(`step "mount ${injection.type}" mount --rbind ${quote(injection.source)} ${target}`);
    lines.push(`step "restrict ${injection.type}" mount -o ${options} ${target}`);
  }
  for (const tmpfs of files.tmpfs) {
    const target = `"$target${targets.findIndex((known) => known.target === tmpfs.target)}"`;
    const options = `${tmpfs.readOnly ? "ro," : ""}nosuid,nodev,noexec,${tmpfsOptions(tmpfs)}`;
    lines.push(`step "mount a tmpfs" mount -i -t tmpfs -o ${options} tmpfs ${target}`);
  }
  return lines.join("\n");
}

/** "/dev/pipes/x" as a word of the shell. */
function inDev(target: string): string {
  return `${DEV}${quote(target.slice("/dev".length))}`;
}

function makeInDev({ target, type }: { readonly target: string; readonly type: string }): string {
  if (type === "directory") return `mkdir -p ${inDev(target)}`;
  return `mkdir -p ${inDev(target.slice(0, target.lastIndexOf("/")))}; : > ${inDev(target)}`;
}

/** Pid 1 of the outer pid namespace: waits for the command and says how it ended. */
export function keeperScript(command: string): string {
  return `unshare --pid --fork --kill-child=KILL -- sh ${quote(command)} "$@"
echo "ended $?" >&3
`;
}

/**
 * Pid 1 of the inner one. It ends in a shell that has the command's rights already and waits for the engine to take the
 * host's file system away from it; what that shell does then needs no program of the host.
 */
export function commandScript(input: ScriptInput): string {
  const { spec, files, facts } = input;
  const root = quote(files.root);
  const inherited = inheritedFiles();
  // Most sh can close descriptors of one digit only.
  const shell = inherited.some((fd) => fd > 9) ? "/bin/bash" : "/bin/sh";
  const session = input.hasTerminal ? "setsid --ctty " : "setsid ";
  const soft = Math.min(OPEN_FILES.soft, facts.openFilesHard);
  const loopback = `ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || busybox ip link set lo up 2>/dev/null`;
  const kept = Object.keys(CAPABILITIES).map((name) => `+${name.slice("CAP_".length).toLowerCase()}`);
  const groups = !facts.canSetGroups
    ? "--keep-groups"
    : spec.user.groups.length > 0
      ? `--groups ${spec.user.groups.join(",")}`
      : "--clear-groups";
  return `${PREAMBLE}
hostname ${quote(spec.hostname)} 2>/dev/null || step "set the host name" sh -c 'printf %s "$1" > /proc/sys/kernel/hostname' sh ${quote(spec.hostname)}
${spec.network === "none" ? loopback : ""}
step "mount /proc" mount -i -t proc -o nosuid,nodev,noexec proc ${PROC}
${READ_ONLY_PATHS.map(protect).join("\n")}
${MASKED_PATHS.map(mask).join("\n")}
${spec.readOnlyRoot === true ? `step "make the root read-only" mount -o remount,bind,ro,nodev ${root}` : ""}
step "make a place for the old root" mkdir ${DEV}/${OLD_ROOT}
umask 022
ulimit -Hn ${facts.openFilesHard}
ulimit -Sn ${soft}
exec ${session}setpriv --reuid ${spec.user.uid} --regid ${spec.user.gid} ${groups} --inh-caps=-all --ambient-caps=-all --bounding-set=-all,${kept.join(",")} -- \\
  env -i ${spec.env.map(quote).join(" ")} ${shell} -c ${quote(waitingShell(inherited))} sh ${quote(spec.cwd)} "$@"
`;
}

/**
 * RULE: no descriptor but the standard three is open when the directory is entered (CVE-2024-21626). A cd sets PWD, which
 * is not the command's.
 */
function waitingShell(inherited: readonly number[]): string {
  const close = [3, ...inherited].map((fd) => `${fd}<&- ${fd}>&-`).join(" ");
  return `echo ready >&3; read -r _ <&3 || exit 125; exec ${close}
cd -P -- "$1" || exit 125; shift; unset _ PWD OLDPWD; exec "$@"`;
}

/** "/proc/sys" as a word of the shell, below what the engine resolved. */
function below(path: string): string {
  return path.startsWith("/proc")
    ? `${PROC}${quote(path.slice("/proc".length))}`
    : `${SYS}${quote(path.slice("/sys".length))}`;
}

function protect(path: string): string {
  const target = below(path);
  return `if [ -e ${target} ]; then step "protect ${path}" mount --rbind ${target} ${target}; step "protect ${path}" mount -o remount,bind,ro,nosuid,nodev,noexec ${target}; fi`;
}

function mask(path: string): string {
  const target = below(path);
  return `if [ -d ${target} ]; then step "hide ${path}" mount -i -t tmpfs -o ro,nosuid,nodev,noexec,size=0k,mode=555 tmpfs ${target}
elif [ -e ${target} ]; then step "hide ${path}" mount --bind /dev/null ${target}; fi`;
}
