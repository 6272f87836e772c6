import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { BuildError } from "../core/errors.ts";
import { findProgram } from "./find-program.ts";

/** Set for the process inside; says how its ids are mapped. */
const MARKER = "TSBUILD_USER_NAMESPACE";

/** `full`: our id as root, sub-ids behind it. `single`: our id alone, so files of other users cannot be made. */
export type UserNamespaceKind = "none" | "full" | "single";

/** CAP_SYS_ADMIN: the right to mount. */
const CAP_SYS_ADMIN = 21n;

/** In which user namespace of ours this process runs. */
export function userNamespaceKind(): UserNamespaceKind {
  const value = process.env[MARKER];
  return value === "full" || value === "single" ? value : "none";
}

/** What a person should know of a poorer mapping; undefined where there is nothing to say. */
export function userNamespaceNote(): string | undefined {
  if (userNamespaceKind() !== "single") return undefined;
  return "only one user id is mapped here: steps run as root alone, and files of other users cannot be kept (add lines to /etc/subuid and /etc/subgid)";
}

/** True where this process may not mount: an ordinary user, or a root without the right. False where it is of no use (not Linux). */
export function needsUserNamespace(): boolean {
  return process.platform === "linux" && (process.geteuid?.() !== 0 || !hasCapability(CAP_SYS_ADMIN));
}

/**
 * Becomes the same program again as root of a new user namespace, with the same standard streams and process id; so it
 * returns only to fail (`run/no-executor`). `argv` as process.argv, the program first. Node options are kept.
 */
export async function reexecInUserNamespace(argv: readonly string[]): Promise<never> {
  if (userNamespaceKind() !== "none") {
    throw noNamespace("this process is in a user namespace already, and may not mount there");
  }
  const unshare = findProgram("unshare");
  if (unshare === undefined) throw noNamespace("`unshare` (util-linux) is not installed");
  const kind = probe(unshare);
  const [program = process.execPath, ...args] = argv;
  const command = [unshare, ...flagsOf(kind), "--", program, ...process.execArgv, ...args];
  if (process.execve === undefined) throw noNamespace("this node has no process.execve");
  process.execve(unshare, command, { ...process.env, [MARKER]: kind });
  throw noNamespace("execve came back");
}

/** The same in the namespace of another process of ours: only there may that one's mounts be reached. */
export function joinUserNamespace(pid: number, argv: readonly string[]): never {
  const nsenter = findProgram("nsenter");
  if (nsenter === undefined) throw noNamespace("`nsenter` (util-linux) is not installed");
  const [program = process.execPath, ...args] = argv;
  const command = [nsenter, `--user=/proc/${pid}/ns/user`, "--", program, ...process.execArgv, ...args];
  if (process.execve === undefined) throw noNamespace("this node has no process.execve");
  process.execve(nsenter, command, { ...process.env, [MARKER]: hasSubIds() ? "full" : "single" });
  throw noNamespace("execve came back");
}

function flagsOf(kind: "full" | "single"): string[] {
  return ["--user", "--map-root-user", ...(kind === "full" ? ["--map-auto"] : [])];
}

/** The best mapping that works here, tried out: whether it is allowed hangs on five files and the security module. */
function probe(unshare: string): "full" | "single" {
  // Every build asks needsUserNamespace; only this costs the module.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const works = (kind: "full" | "single"): boolean =>
    spawnSync(unshare, [...flagsOf(kind), "--", "true"], { stdio: "ignore" }).status === 0;
  if (hasSubIds() && works("full")) return "full";
  if (works("single")) return "single";
  throw noNamespace(whyRefused());
}

/** Whether /etc/subuid and /etc/subgid have ranges for us, and the programs that may map them are there. */
function hasSubIds(): boolean {
  if (findProgram("newuidmap") === undefined || findProgram("newgidmap") === undefined) return false;
  const { uid, username } = userInfo();
  return ["/etc/subuid", "/etc/subgid"].every((path) =>
    read(path)
      .split("\n")
      .some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`)),
  );
}

function whyRefused(): string {
  if (read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").trim() === "1") {
    return "AppArmor keeps ordinary users from user namespaces (kernel.apparmor_restrict_unprivileged_userns=1)";
  }
  if (read("/proc/sys/kernel/unprivileged_userns_clone").trim() === "0") {
    return "the kernel keeps ordinary users from user namespaces (kernel.unprivileged_userns_clone=0)";
  }
  if (read("/proc/sys/user/max_user_namespaces").trim() === "0") {
    return "user namespaces are turned off (user.max_user_namespaces=0)";
  }
  return "user namespaces are not allowed here";
}

function noNamespace(reason: string): BuildError {
  return new BuildError("run/no-executor", `cannot run commands as an ordinary user: ${reason}`, {
    hint: "Run as root, or allow user namespaces; `tsbuild doctor` says more.",
  });
}

function hasCapability(capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(read("/proc/self/status"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
