/** Numbers and flags of the x86-64 kernel interface (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/linux). */
export const NR = {
  read: 0,
  write: 1,
  open: 2,
  close: 3,
  poll: 7,
  rtSigprocmask: 14,
  ioctl: 16,
  access: 21,
  dup2: 33,
  socket: 41,
  clone: 56,
  execve: 59,
  wait4: 61,
  fcntl: 72,
  chdir: 80,
  mkdir: 83,
  mknod: 133,
  symlink: 88,
  fchown: 93,
  umask: 95,
  setsid: 112,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  capset: 126,
  pivotRoot: 155,
  prctl: 157,
  mount: 165,
  umount2: 166,
  sethostname: 170,
  exitGroup: 231,
  keyctl: 250,
  unshare: 272,
  splice: 275,
  pipe2: 293,
  prlimit64: 302,
  seccomp: 317,
  openTree: 428,
  moveMount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  closeRange: 436,
  openat2: 437,
  mountSetattr: 442,
} as const;

export const CLONE = {
  newNs: 0x0002_0000,
  newCgroup: 0x0200_0000,
  newUts: 0x0400_0000,
  newIpc: 0x0800_0000,
  newPid: 0x2000_0000,
  newNet: 0x4000_0000,
} as const;

export const MS = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  remount: 32,
  bind: 4096,
  recursive: 16384,
  private: 1 << 18,
  strictAtime: 1 << 24,
} as const;

export const MOUNT_ATTR = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8 } as const;

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_DIRECTORY = 0o200000;
export const O_WRONLY = 1;
/** No link of /proc, and the directory is the root of all that the path says (openat2(2)). */
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_NO_MAGICLINKS = 0x02;

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = 0o2000000;
export const MOVE_MOUNT_F_EMPTY_PATH = 4;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MNT_DETACH = 2;
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG_CMD_CREATE = 6;

export const O_RDWR = 2;

export const SIGCHLD = 17;
export const SIGKILL = 9;
export const PR_SET_PDEATHSIG = 1;
export const PR_CAPBSET_DROP = 24;
export const SECCOMP_SET_MODE_FILTER = 1;
/** No speculative-store-bypass mitigation for the command, as runc has it; older kernels would slow it down. */
export const SECCOMP_SPEC_ALLOW = 4;
export const KEYCTL_JOIN_SESSION_KEYRING = 1;
export const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
export const SIOCSIFFLAGS = 0x8914;
export const F_SETFD = 2;
