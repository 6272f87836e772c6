import type { Ulimit } from "../core/step.ts";

/**
 * What every executor gives a command, the same for all three: Docker's defaults (moby, oci/defaults.go and
 * daemon/pkg/oci), stated once.
 */

/** Docker's fourteen capabilities by name and number. MKNOD is among them because no mount that the command can write honours device nodes. */
export const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_RAW: 13,
  CAP_SYS_CHROOT: 18,
  CAP_MKNOD: 27,
  CAP_AUDIT_WRITE: 29,
  CAP_SETFCAP: 31,
};

/** What a command is given instead of Docker's defaults where its step is `--security=insecure`: BuildKit's meaning of it. */
export interface Isolation {
  /** undefined: all that tsbuild itself has. */
  readonly capabilities: Readonly<Record<string, number>> | undefined;
  readonly maskedPaths: readonly string[];
  readonly readOnlyPaths: readonly string[];
  readonly hasSeccomp: boolean;
  /** Device nodes, those that the command makes too, are dead. */
  readonly noDevices: boolean;
  readonly readOnlySys: boolean;
}

export function isolationOf(insecure: boolean | undefined): Isolation {
  const isSandbox = insecure !== true;
  return {
    capabilities: isSandbox ? CAPABILITIES : undefined,
    maskedPaths: isSandbox ? MASKED_PATHS : [],
    readOnlyPaths: isSandbox ? READ_ONLY_PATHS : [],
    hasSeccomp: isSandbox,
    noDevices: isSandbox,
    readOnlySys: isSandbox,
  };
}

/** Every capability there is, by bit (linux/capability.h). */
export const CAPABILITY_NAMES: readonly string[] =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    .split(" ")
    .map((name) => `CAP_${name}`);

/** Docker's size of /dev/shm. */
export const SHM_BYTES = 64 << 20;

/** RLIMIT_ constants of `--ulimit` by their names there (setrlimit(2), asm-generic/resource.h). */
export const LIMIT_NUMBERS: Readonly<Record<string, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
};

/** Hidden: a file behind /dev/null, a directory behind an empty read-only tmpfs. */
export const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

export const READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Device nodes of the host that appear in /dev. */
export const DEVICES = ["full", "null", "random", "tty", "urandom", "zero"];

/** Symbolic links in /dev: name, target. */
export const DEVICE_LINKS: readonly (readonly [string, string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["core", "/proc/kcore"],
  ["ptmx", "pts/ptmx"],
];

export const OPEN_FILES = { soft: 1024, hard: 524_288 } as const;

/** Where PATH is looked for programs when the environment names none. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Between asking a canceled command to end and ending it. */
export const CANCEL_GRACE_MS = 2000;

/** The limits of a command: Docker's for open files, and what was asked for. -1: unlimited. */
export function limitsOf(ulimits: readonly Ulimit[] | undefined, openFilesHard: number): readonly Ulimit[] {
  const usual = { name: "nofile", soft: Math.min(OPEN_FILES.soft, openFilesHard), hard: openFilesHard };
  const asked = ulimits ?? [];
  return asked.some(({ name }) => name === "nofile") ? asked : [usual, ...asked];
}
