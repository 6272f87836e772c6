import { addCommandRows } from "./command-rows.ts";
import { addFileSystemRows, addStageRows, openHostTrees } from "./file-system-rows.ts";
import { CHANNEL, EXEC_PIPE, hasTerminal, LAUNCHER_FAILED, type Launch } from "./launch.ts";
import { FAILED } from "./machine.ts";
import { addProcRows } from "./proc-rows.ts";
import { type BuiltProgram, Label, MESSAGE, Program } from "./program.ts";
import { addRootRows } from "./root-rows.ts";
import { addPrivateRows } from "./secret-rows.ts";
import {
  CLONE,
  KEYCTL_JOIN_SESSION_KEYRING,
  NR,
  O_CLOEXEC,
  O_WRONLY,
  PR_SET_PDEATHSIG,
  SIGCHLD,
  SIGKILL,
} from "./system-calls.ts";

/**
 * Three processes. The launcher, child of the engine, makes the namespaces and the root file system. The keeper, pid 1 of
 * a pid namespace that holds nothing else, dies with the launcher (which dies with the engine) and so takes along the
 * command, pid 1 of a pid namespace below, whatever that did to its own parent-death signal. The keeper reports the wait
 * status; when it is gone, so is every process of the command.
 */
export function buildLaunchProgram(launch: Launch): BuiltProgram {
  const program = new Program();
  addLauncherStart(program);
  addControlGroup(program, launch);
  // Before the pid namespace: its first child is its pid 1, and that must be the keeper.
  if (!hasTerminal(launch.spec)) addOutputPipes(program);
  addNamespaces(program, launch);
  let secretEnv: readonly number[] = [];
  const trees = addRootRows(program, launch, () => {
    addStageRows(program, launch.files);
    secretEnv = addPrivateRows(program, launch.spec, launch.files);
    return openHostTrees(program, launch);
  });
  addFileSystemRows(program, launch, trees);
  const keeper = new Label();
  const command = new Label();
  addLauncherEnd(program, keeper);
  program.place(keeper);
  addKeeper(program, command, launch.spec.stdio !== "capture");
  program.place(command);
  addProcRows(program, launch);
  addCommandRows(program, { ...launch, secretEnv });
  addFailure(program);
  return program.build();
}

function addLauncherStart(program: Program): void {
  program.row("close inherited files", NR.closeRange, [CHANNEL + 1, 0xffff_ffff, 0]);
  addDieWithParent(program);
}

/** Before anything is forked: all of the command is to be in the group. */
function addControlGroup(program: Program, { spec }: Launch): void {
  const self = program.text("0");
  for (const path of spec.controlGroup?.joinFiles ?? []) {
    const file = program.row(`open ${path}`, NR.open, [program.text(path), O_WRONLY | O_CLOEXEC, 0]);
    program.row("join the control group", NR.write, [file, self, 1]);
    // The pipes count on being the first descriptors that are free.
    program.row("close", NR.close, [file]);
  }
}

function addNamespaces(program: Program, { spec }: Launch): void {
  const network = spec.network === "none" ? CLONE.newNet : 0;
  program.row("make namespaces", NR.unshare, [
    CLONE.newNs | CLONE.newUts | CLONE.newIpc | CLONE.newPid | network,
  ]);
  program.row("make a cgroup namespace", NR.unshare, [CLONE.newCgroup], { onError: "ignore" });
  // The command must not find keys of the engine's session.
  const keyring = program.text("tsbuild");
  program.row("join a new keyring", NR.keyctl, [KEYCTL_JOIN_SESSION_KEYRING, keyring], { onError: "ignore" });
}

/** PR_SET_PDEATHSIG, then a look whether the engine died before it: its end of the channel would be closed (POLLHUP). */
function addDieWithParent(program: Program): void {
  program.row("die with the engine", NR.prctl, [PR_SET_PDEATHSIG, SIGKILL]);
  const pollFd = program.words(CHANNEL);
  program.row("look for the engine", NR.poll, [pollFd, 1, 0], { onPositive: program.failure });
}

/** Ends of the two pipes: the first descriptors that are free. */
const OUT = { read: CHANNEL + 1, write: CHANNEL + 2 };
const ERR = { read: CHANNEL + 3, write: CHANNEL + 4 };

/**
 * The engine reads from sockets (that is what node makes), but a command may open /dev/stdout, which on a socket fails
 * (ENXIO). So it writes into pipes, and two processes splice them into the sockets until the last writer is gone.
 */
function addOutputPipes(program: Program): void {
  const ends = program.words(0);
  program.row("make a pipe", NR.pipe2, [ends, 0]);
  program.row("make a pipe", NR.pipe2, [ends, 0]);
  addPump(program, OUT.read, 1);
  addPump(program, ERR.read, 2);
  program.row("write to the pipe", NR.dup2, [OUT.write, 1]);
  program.row("write to the pipe", NR.dup2, [ERR.write, 2]);
  program.row("close the pipes", NR.closeRange, [OUT.read, ERR.write, 0]);
}

function addPump(program: Program, from: number, to: number): void {
  const parent = new Label();
  const again = new Label();
  const end = new Label();
  program.row("fork", NR.clone, [SIGCHLD, 0, 0, 0, 0], { onPositive: parent });
  program.row("die with the launcher", NR.prctl, [PR_SET_PDEATHSIG, SIGKILL], { onError: end });
  // A writing end left open here would keep the pipe from ending, and the other socket or the channel from closing.
  for (const fd of [1, 2, CHANNEL, OUT.read, OUT.write, ERR.read, ERR.write]) {
    if (fd !== from && fd !== to) program.row("close", NR.close, [fd], { onError: "ignore" });
  }
  program.place(again);
  program.row("splice", NR.splice, [from, 0, to, 0, 1 << 20, 0], { onPositive: again, onError: end });
  program.place(end);
  program.row("exit", NR.exitGroup, [0]);
  program.place(parent);
}

function addLauncherEnd(program: Program, keeper: Label): void {
  program.row("close the host's mounts", NR.closeRange, [CHANNEL + 1, 0xffff_ffff, 0]);
  const started = program.words(MESSAGE.started, 0);
  program.row("fork", NR.clone, [SIGCHLD, 0, 0, 0, 0], { onZero: keeper, keepAt: started + 8 });
  program.row("report the start", NR.write, [CHANNEL, started, 16]);
  // TERM to the process group, or a key on a shared terminal, is for the command.
  program.row("block signals", NR.rtSigprocmask, [0, program.words(-1), 0, 8]);
  // The pumps end when nobody writes any more: the keeper is gone and these are closed.
  program.row("close", NR.close, [1], { onError: "ignore" });
  program.row("close", NR.close, [2], { onError: "ignore" });
  const wait = new Label();
  const done = new Label();
  program.place(wait);
  program.row("wait", NR.wait4, [-1, 0, 0, 0], { onPositive: wait, onError: done });
  program.place(done);
  program.row("exit", NR.exitGroup, [0]);
}

function addKeeper(program: Program, command: Label, tellsOfExec: boolean): void {
  addDieWithParent(program);
  program.row("make the pid namespace", NR.unshare, [CLONE.newPid]);
  if (tellsOfExec) program.row("make a pipe", NR.pipe2, [program.words(0), O_CLOEXEC]);
  program.row("fork", NR.clone, [SIGCHLD, 0, 0, 0, 0], { onZero: command });
  if (tellsOfExec) addExecReport(program);
  const ended = program.words(MESSAGE.ended, 0);
  program.row("wait", NR.wait4, [-1, ended + 8, 0, 0]);
  program.row("report the end", NR.write, [CHANNEL, ended, 16]);
  program.row("exit", NR.exitGroup, [0]);
}

/** The writing end is the command's alone and closes with its exec, or with its end. */
function addExecReport(program: Program): void {
  program.row("close", NR.close, [EXEC_PIPE.write]);
  program.row("wait for the exec", NR.read, [EXEC_PIPE.read, program.words(0), 8]);
  program.row("report the exec", NR.write, [CHANNEL, program.words(MESSAGE.executed), 8]);
}

function addFailure(program: Program): void {
  program.place(program.failure);
  program.row("report the failure", NR.write, [CHANNEL, FAILED, 24], { onError: "ignore" });
  program.row("exit", NR.exitGroup, [LAUNCHER_FAILED]);
}
