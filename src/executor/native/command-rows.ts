import type { RunSpec } from "../../core/ports.ts";
import { isolationOf, LIMIT_NUMBERS, limitsOf } from "../policy.ts";
import { candidatePaths } from "../program-search.ts";
import { encodeFilter } from "../seccomp/filter-program.ts";
import { DOCKER_PROFILE } from "../seccomp/profile.ts";
import {
  CHANNEL,
  EXEC_PIPE,
  hasTerminal,
  LAUNCHER_FAILED,
  type Launch,
  type Prepared,
  TERMINAL_PATH,
} from "./launch.ts";
import { Label, MESSAGE, type Program } from "./program.ts";
import {
  F_SETFD,
  LINUX_CAPABILITY_VERSION_3,
  NR,
  O_RDWR,
  PR_CAPBSET_DROP,
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_SPEC_ALLOW,
  SIOCSIFFLAGS,
} from "./system-calls.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const IFF_UP = 1;

/** Rows that turn pid 1 of the namespace into the command: limits, rights, user, directory, exec. */
export function addCommandRows(program: Program, launch: Prepared): void {
  const { spec, facts } = launch;
  program.row("start a session", NR.setsid, []);
  if (hasTerminal(spec)) addTerminal(program);
  const hostname = Buffer.from(spec.hostname, "utf8");
  program.row("set the host name", NR.sethostname, [program.bytes(hostname), hostname.length]);
  if (spec.network === "none") addLoopback(program);
  for (const { name, soft, hard } of limitsOf(spec.ulimits, facts.openFilesHard)) {
    // -1 is RLIM_INFINITY.
    program.row(`limit ${name}`, NR.prlimit64, [0, LIMIT_NUMBERS[name] ?? 0, program.words(soft, hard), 0]);
  }
  program.row("set the umask", NR.umask, [0o022]);
  const { capabilities, hasSeccomp } = isolationOf(spec.insecure);
  if (capabilities !== undefined) addBoundingSet(program, capabilities);
  addDirectory(program, spec);
  if (hasSeccomp) addSeccomp(program);
  addUser(program, launch);
  addExec(program, launch);
}

/** The first terminal that a session leader opens is the session's. */
function addTerminal(program: Program): void {
  const terminal = program.row("open the terminal", NR.open, [program.text(TERMINAL_PATH), O_RDWR, 0]);
  program.row("read from the terminal", NR.dup2, [terminal, 0]);
  program.row("write to the terminal", NR.dup2, [0, 1]);
  program.row("write errors to the terminal", NR.dup2, [0, 2]);
}

function addLoopback(program: Program): void {
  const socket = program.row("open a socket", NR.socket, [AF_INET, SOCK_DGRAM, 0]);
  // struct ifreq: 16 bytes of name, then the flags.
  const request = Buffer.alloc(40);
  request.write("lo");
  request.writeUInt16LE(IFF_UP, 16);
  program.row("bring up the loopback interface", NR.ioctl, [socket, SIOCSIFFLAGS, program.bytes(request)]);
}

function addBoundingSet(program: Program, capabilities: Readonly<Record<string, number>>): void {
  const kept = new Set(Object.values(capabilities));
  for (let capability = 0; capability < 64; capability++) {
    if (kept.has(capability)) continue;
    // EINVAL: this kernel has fewer. Asking for its number could be answered wrongly, and then rights would stay.
    program.row(`drop capability ${capability}`, NR.prctl, [PR_CAPBSET_DROP, capability, 0, 0, 0], {
      except: { error: "EINVAL" },
    });
  }
}

/**
 * RULE: no descriptor of a directory is open when the directory is entered, or a WORKDIR of /proc/self/fd/8 would lead out
 * (CVE-2024-21626). Entered as root, as runc does, and made where it is missing.
 */
function addDirectory(program: Program, { cwd, stdio }: RunSpec): void {
  // The pipe that closes with the exec stays: it leads nowhere.
  const first = stdio === "capture" ? CHANNEL + 1 : EXEC_PIPE.write + 1;
  program.row("close inherited files", NR.closeRange, [first, 0xffff_ffff, 0]);
  program.row("close the channel on exec", NR.fcntl, [CHANNEL, F_SETFD, 1]);
  const entered = new Label();
  const missing = new Label();
  const directory = program.text(cwd);
  program.row(`enter ${cwd}`, NR.chdir, [directory], {
    except: { error: "ENOENT", goTo: missing },
    onZero: entered,
  });
  program.place(missing);
  const parts = cwd.split("/").filter((part) => part !== "");
  for (let i = 1; i <= parts.length; i++) {
    const path = `/${parts.slice(0, i).join("/")}`;
    program.row(`make ${path}`, NR.mkdir, [program.text(path), 0o755], { except: { error: "EEXIST" } });
  }
  program.row(`enter ${cwd}`, NR.chdir, [directory]);
  program.place(entered);
}

let filter: Buffer | undefined;

/**
 * Before the rights go: without no_new_privs, which Docker does not set (sudo works in a RUN), only an administrator of the
 * namespace may install a filter. The rows behind it are calls that the filter allows.
 */
function addSeccomp(program: Program): void {
  filter ??= encodeFilter(DOCKER_PROFILE);
  const instructions = program.bytes(filter);
  // struct sock_fprog: the count of instructions, padded to 8 bytes, then their address.
  const description = program.words(filter.length / 8, instructions);
  program.row("install the seccomp filter", NR.seccomp, [
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_SPEC_ALLOW,
    description,
  ]);
}

function addUser(program: Program, { spec, facts }: Launch): void {
  const { uid, gid, groups } = spec.user;
  if (facts.canSetGroups) {
    const list = Buffer.alloc(Math.max(groups.length, 1) * 4);
    for (const [i, group] of groups.entries()) list.writeUInt32LE(group, 4 * i);
    program.row("set the groups", NR.setgroups, [groups.length, program.bytes(list)]);
  }
  // A user other than root may then open /dev/stdout, as with Docker.
  if (hasTerminal(spec)) {
    program.row("hand over the terminal", NR.fchown, [0, uid, 0xffff_ffff], { onError: "ignore" });
  }
  for (const fd of hasTerminal(spec) ? [] : [1, 2]) {
    program.row("hand over the output", NR.fchown, [fd, uid, gid], { onError: "ignore" });
  }
  program.row(`become group ${gid}`, NR.setresgid, [gid, gid, gid]);
  program.row(`become user ${uid}`, NR.setresuid, [uid, uid, uid]);
  // Nothing inheritable or ambient goes through exec; what root may is then the bounding set, what others may is nothing.
  const { capabilities } = isolationOf(spec.insecure);
  const granted =
    capabilities === undefined
      ? facts.capabilities
      : Object.values(capabilities).reduce((bits, n) => bits | (1n << BigInt(n)), 0n);
  const set = uid === 0 ? granted : 0n;
  const low = Number(set & 0xffff_ffffn);
  const high = Number(set >> 32n);
  const header = program.bytes(uint32s(LINUX_CAPABILITY_VERSION_3, 0));
  const sets = program.bytes(uint32s(low, low, 0, high, high, 0));
  program.row("set the capabilities", NR.capset, [header, sets]);
}

/** Each candidate in turn; a success never returns. The results are the last message. */
function addExec(program: Program, { spec, secretEnv }: Prepared): void {
  const candidates = candidatePaths(spec.args[0] ?? "", spec.env);
  const args = program.textArray(spec.args);
  const env = program.words(...spec.env.map((entry) => program.text(entry)), ...secretEnv, 0);
  const results = program.words(MESSAGE.notExecuted, ...candidates.map(() => 0));
  for (const [i, path] of candidates.entries()) {
    program.row(`execute ${path}`, NR.execve, [program.text(path), args, env], {
      onError: "ignore",
      keepAt: results + 8 * (i + 1),
    });
  }
  program.row("report the results", NR.write, [CHANNEL, results, 8 * (candidates.length + 1)]);
  program.row("exit", NR.exitGroup, [LAUNCHER_FAILED]);
}

function uint32s(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) buffer.writeUInt32LE(value >>> 0, 4 * i);
  return buffer;
}
