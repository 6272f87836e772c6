import type { RunSpec } from "../../core/ports.ts";
import type { Ulimit } from "../../core/step.ts";
import type { HostFacts } from "../host-facts.ts";
import { inheritedFiles } from "../inherited-files.ts";
import { isolationOf, limitsOf, SHM_BYTES } from "../policy.ts";
import { mountAround, mountTargets, type RunFiles } from "../run-files.ts";
import { stagedPath } from "../stage-mounts.ts";
import { controlGroupLines, deviceLines, mountRootLines, PREAMBLE, quote, stageLines } from "./fragments.ts";

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
  const directory = spec.root.type === "directory" ? spec.root.path : "";
  const from = { overlay: files.overlay, directory, insecure: spec.insecure };
  const fifos = ["out", "err"].map((name) => quote(`${files.directory}/${name}`));
  // It does not die with this shell by itself, and the keeper only with it.
  const unshare = "setpriv --pdeathsig KILL -- unshare --pid --fork --kill-child=KILL --";
  const run = `${unshare} sh ${quote(keeper)} "$@"`;
  return `${PREAMBLE}
${controlGroupLines(spec)}
${stageLines(files)}
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
  const { readOnlySys } = isolationOf(spec.insecure);
  const sysAccess = readOnlySys ? "ro," : "";
  const targets = mountTargets(files);
  const gid = facts.hasTtyGroup ? ",gid=5" : "";
  const lines = [
    deviceLines(DEV, spec.insecure),
    `step "mount /dev/pts" mount -i -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620${gid} devpts ${DEV}/pts`,
    `step "mount /dev/shm" mount -i -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=${spec.shmBytes ?? SHM_BYTES} tmpfs ${DEV}/shm`,
    `step "mount /dev/mqueue" mount -i -t mqueue -o nosuid,nodev,noexec mqueue ${DEV}/mqueue`,
    facts.inUserNamespace && spec.network === "host"
      ? `step "mount /sys" mount --rbind /sys ${SYS}; step "protect /sys" mount -o remount,bind,${sysAccess}nosuid,nodev,noexec ${SYS}`
      : `step "mount /sys" mount -i -t sysfs -o ${sysAccess}nosuid,nodev,noexec sysfs ${SYS}`,
  ];
  for (const injection of files.injections) {
    const known = targets.indexOf(injection);
    const inside = known < 0 && mountAround(files, injection) !== "/dev";
    const target = known >= 0 ? `"$target${known}"` : inside ? '"$inside"' : inDev(injection.target);
    if (inside)
      lines.push(`echo ask ${files.injections.indexOf(injection)} >&3; IFS= read -r inside <&3 || exit 125`);
    else if (known < 0) lines.push(makeInDev(injection));
    const source = injection.beneath === undefined ? injection.source : stagedPath(files, injection);
    const options = `remount,bind,nodev${injection.readOnly ? ",ro" : ""}`;
    lines.push(`step "mount ${injection.type}" mount --rbind ${quote(source)} ${target}`);
    lines.push(`step "restrict ${injection.type}" mount -o ${options} ${target}`);
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
  const { capabilities, maskedPaths, readOnlyPaths } = isolationOf(spec.insecure);
  const loopback = `ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || busybox ip link set lo up 2>/dev/null`;
  const kept = Object.keys(capabilities ?? {}).map((name) => `+${name.slice("CAP_".length).toLowerCase()}`);
  const bounding = capabilities === undefined ? "" : `--bounding-set=-all,${kept.join(",")}`;
  const groups = !facts.canSetGroups
    ? "--keep-groups"
    : spec.user.groups.length > 0
      ? `--groups ${spec.user.groups.join(",")}`
      : "--clear-groups";
  return `${PREAMBLE}
hostname ${quote(spec.hostname)} 2>/dev/null || step "set the host name" sh -c 'printf %s "$1" > /proc/sys/kernel/hostname' sh ${quote(spec.hostname)}
${spec.network === "none" ? loopback : ""}
step "mount /proc" mount -i -t proc -o nosuid,nodev,noexec proc ${PROC}
${readOnlyPaths.map(protect).join("\n")}
${maskedPaths.map(mask).join("\n")}
${spec.readOnlyRoot === true ? `step "make the root read-only" mount -o remount,bind,ro,nodev ${root}` : ""}
step "make a place for the old root" mkdir ${DEV}/${OLD_ROOT}
umask 022
${limitsOf(spec.ulimits, facts.openFilesHard).map(limitLine).join("\n")}
${hasSecretEnv(spec) ? `exec 4<${quote(`${files.private?.directory}/${SECRET_SCRIPT}`)}` : ""}
exec ${session}setpriv --reuid ${spec.user.uid} --regid ${spec.user.gid} ${groups} --inh-caps=-all --ambient-caps=-all ${bounding} -- \\
  env -i ${spec.env.map(quote).join(" ")} ${shell} -c ${quote(waitingShell(inherited, hasSecretEnv(spec)))} sh ${quote(spec.cwd)} "$@"
`;
}

/**
 * RULE: no descriptor but the standard three is open when the directory is entered (CVE-2024-21626). A cd sets PWD, which
 * is not the command's.
 */
function waitingShell(inherited: readonly number[], readsSecrets: boolean): string {
  const close = [3, ...(readsSecrets ? [4] : []), ...inherited].map((fd) => `${fd}<&- ${fd}>&-`).join(" ");
  return `${readsSecrets ? READ_SECRETS : ""}
echo ready >&3; read -r _ <&3 || exit 125; exec ${close}
cd -P -- "$1" || exit 125; shift; unset _ PWD OLDPWD; exec "$@"`;
}

/** A script of assignments on descriptor 4: a value on the command line would be everybody's to read. */
const READ_SECRETS = `while IFS= read -r _line <&4; do _script="$_script$_line
"; done; eval "$_script"; unset _line _script`;

/** Name of the file with that script. */
export const SECRET_SCRIPT = "secrets.sh";

export function secretScript({ secretEnv = [] }: RunSpec): string {
  return secretEnv.map(({ name, value }) => `export ${name}=${quote(value)}\n`).join("");
}

function hasSecretEnv({ secretEnv = [] }: RunSpec): boolean {
  return secretEnv.length > 0;
}

function limitLine({ name, soft, hard }: Ulimit): string {
  return `step "limit ${name}" prlimit --pid $$ --${name}=${limitText(soft)}:${limitText(hard)}`;
}

function limitText(value: number): string {
  return value < 0 ? "unlimited" : String(value);
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
