import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import type * as Koffi from "koffi";
import type { Xattrs } from "../core/file-tree.ts";

/**
 * The few Linux system calls that node lacks. koffi is loaded at the first call (28 ms), never before. Paths are raw bytes and
 * a last symlink is never followed. Failures are errors of node's own form: `code` ("EPERM"), `errno`, `syscall`, `path`.
 */
interface Libc {
  readonly errno: () => number;
  readonly lgetxattr: (path: Buffer, name: Buffer, value: Buffer, size: number) => number;
  readonly llistxattr: (path: Buffer, list: Buffer, size: number) => number;
  readonly lsetxattr: (
    ...call: [path: Buffer, name: Buffer, value: Buffer, size: number, flags: number]
  ) => number;
  readonly lremovexattr: (path: Buffer, name: Buffer) => number;
  readonly mknod: (path: Buffer, mode: number, device: number | bigint) => number;
  readonly utimensat: (dir: number, path: Buffer, times: Buffer, flags: number) => number;
  readonly openat2: (
    ...call: [number: number, dir: number, path: Buffer, how: Buffer, size: number]
  ) => number;
  readonly ioctl: (fd: number, request: number, argument: Buffer) => number;
}

export interface SyscallError extends Error {
  /** "EPERM" and the like. */
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** The kernel's own limits (linux/limits.h): no list and no value is longer. */
const XATTR_MAX_BYTES = 65_536;

let loaded: Libc | null | undefined;
let scratch: Buffer | undefined;

/** Whether the calls below work here: Linux, and koffi's binary is present. Loads koffi. */
export function hasSyscalls(): boolean {
  loaded ??= load();
  return loaded !== null;
}

/** Which xattrs belong into layers. The rest is the overlay's own bookkeeping, or of this machine alone. */
export function isKeptXattr(name: string): boolean {
  return name === "security.capability" || (name.startsWith("user.") && !name.startsWith("user.overlay."));
}

/** The xattrs of a path that belong into layers; undefined where it has none, or where they cannot be read at all. */
export function readXattrs(path: Buffer): Xattrs | undefined {
  if (!hasSyscalls()) return undefined;
  const names = listXattrs(path).filter(isKeptXattr);
  if (names.length === 0) return undefined;
  const pairs = names.map((name) => [name, getXattr(path, name)] as const);
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Names, as raw bytes. Empty where the file system has none. */
export function listXattrs(path: Buffer): string[] {
  scratch ??= Buffer.allocUnsafe(XATTR_MAX_BYTES);
  const length = libc().llistxattr(zeroEnded(path), scratch, scratch.length);
  if (length < 0) return isNoXattr() ? [] : fail("llistxattr", path);
  return length === 0 ? [] : scratch.toString("latin1", 0, length - 1).split("\0");
}

/** The value as raw bytes; undefined where there is none. */
export function getXattr(path: Buffer, name: string): string | undefined {
  scratch ??= Buffer.allocUnsafe(XATTR_MAX_BYTES);
  const length = libc().lgetxattr(zeroEnded(path), cString(name), scratch, scratch.length);
  if (length < 0) return isNoXattr() ? undefined : fail("lgetxattr", path);
  return scratch.toString("latin1", 0, length);
}

export function setXattr(path: Buffer, name: string, value: string): void {
  const bytes = Buffer.from(value, "latin1");
  if (libc().lsetxattr(zeroEnded(path), cString(name), bytes, bytes.length, 0) < 0) fail("lsetxattr", path);
}

export function removeXattr(path: Buffer, name: string): void {
  if (libc().lremovexattr(zeroEnded(path), cString(name)) < 0) fail("lremovexattr", path);
}

/** Whether a directory of an overlay's upper hides everything below it. */
export function isOpaqueDirectory(path: Buffer): boolean {
  if (!hasSyscalls()) return false;
  return ["trusted.overlay.opaque", "user.overlay.opaque"].some((name) => getXattr(path, name) === "y");
}

const NODE_TYPE = { fifo: 0o010000, char: 0o020000, block: 0o060000 } as const;

export interface NodeSpec {
  readonly type: keyof typeof NODE_TYPE;
  /** Permission bits; the umask applies. */
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

/** Makes a device node or a named pipe. */
export function makeNode(path: Buffer, spec: NodeSpec): void {
  const device = encodeDevice(spec.major, spec.minor);
  if (libc().mknod(zeroEnded(path), NODE_TYPE[spec.type] | spec.mode, device) < 0) fail("mknod", path);
}

/** Sets access and modification time to the nanosecond. */
export function setTimes(path: Buffer, seconds: number, nanos: number): void {
  const times = Buffer.alloc(32);
  for (const at of [0, 16]) {
    times.writeBigInt64LE(BigInt(seconds), at);
    times.writeBigInt64LE(BigInt(nanos), at + 8);
  }
  if (libc().utimensat(AT_FDCWD, zeroEnded(path), times, AT_SYMLINK_NOFOLLOW) < 0) fail("utimensat", path);
}

/** Of every processor that Linux has this call for. */
const SYS_OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;

/** openat2(2): `dir` is taken for the root, and no part of the path leads out of it. The descriptor is the caller's. */
export function openAt(dir: number, path: Buffer, flags: number): number {
  // struct open_how: flags, mode, resolve.
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  for (let attempt = 0; ; attempt += 1) {
    const fd = libc().openat2(SYS_OPENAT2, dir, zeroEnded(path), how, how.length);
    if (fd >= 0) return fd;
    // Something on the way was renamed meanwhile: the kernel asks to try again.
    if (errnoName(libc().errno()) !== "EAGAIN" || attempt === 100) fail("openat2", path);
  }
}

/** ioctl_tty(2). The same numbers on every processor that node runs on. */
const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x8004_5430;
const TIOCSPTLCK = 0x4004_5431;

/** Lets the other end of a terminal that was opened by /dev/ptmx be opened. */
export function unlockTerminal(master: number): void {
  if (libc().ioctl(master, TIOCSPTLCK, Buffer.alloc(4)) < 0) fail("ioctl", Buffer.from("/dev/ptmx"));
}

/** N of /dev/pts/N. */
export function terminalNumber(master: number): number {
  const number = Buffer.alloc(4);
  if (libc().ioctl(master, TIOCGPTN, number) < 0) fail("ioctl", Buffer.from("/dev/ptmx"));
  return number.readUInt32LE();
}

/** Programs in the terminal are told (SIGWINCH). */
export function setTerminalSize(
  master: number,
  size: { readonly columns: number; readonly rows: number },
): void {
  // struct winsize: rows, columns, and two of pixels that nobody sets.
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(size.rows & 0xffff, 0);
  bytes.writeUInt16LE(size.columns & 0xffff, 2);
  if (libc().ioctl(master, TIOCSWINSZ, bytes) < 0) fail("ioctl", Buffer.from("/dev/ptmx"));
}

export function isSyscallError(error: unknown): error is SyscallError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** Linux's dev_t (glibc sys/sysmacros.h): the two numbers interleaved. */
function encodeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
}

function libc(): Libc {
  loaded ??= load();
  if (loaded === null) throw new Error("these system calls need Linux and the koffi package");
  return loaded;
}

/** null where it cannot be had: callers ask hasSyscalls and do without. */
function load(): Libc | null {
  if (process.platform !== "linux") return null;
  try {
    // Not an import: the bundler must leave it alone, and only those who need it may pay for it.
    const require = createRequire(import.meta.url);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- require() has no types
    const koffi = require("koffi") as typeof Koffi;
    const library = koffi.load(null);
    return {
      errno: () => koffi.errno(),
      lgetxattr: library.func("long lgetxattr(const void *path, const void *name, void *value, size_t size)"),
      llistxattr: library.func("long llistxattr(const void *path, void *list, size_t size)"),
      lsetxattr: library.func(
        "int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)",
      ),
      lremovexattr: library.func("int lremovexattr(const void *path, const void *name)"),
      mknod: library.func("int mknod(const void *path, unsigned int mode, uint64_t device)"),
      utimensat: library.func("int utimensat(int dir, const void *path, const void *times, int flags)"),
      openat2: library.func(
        "long syscall(long number, int dir, const void *path, const void *how, size_t size)",
      ),
      ioctl: library.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)"),
    };
  } catch {
    return null;
  }
}

function isNoXattr(): boolean {
  return ["ENODATA", "ENOTSUP", "ENOSYS"].includes(errnoName(libc().errno()));
}

function fail(syscall: string, path: Buffer): never {
  const errno = libc().errno();
  const code = errnoName(errno);
  const shown = path.toString();
  const error = new Error(`${code}: ${syscall} '${shown}'`);
  throw Object.assign(error, { code, errno: -errno, syscall, path: shown });
}

function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

function cString(name: string): Buffer {
  return Buffer.from(`${name}\0`, "latin1");
}

/** A NUL inside would end the path early and name another file. */
function zeroEnded(path: Buffer): Buffer {
  if (path.includes(0)) throw new TypeError("a path with a NUL byte");
  const ended = Buffer.alloc(path.length + 1);
  path.copy(ended);
  return ended;
}
