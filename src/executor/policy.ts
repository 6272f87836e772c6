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
