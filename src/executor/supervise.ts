import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Duplex, type Readable } from "node:stream";
import { BuildError } from "../core/errors.ts";
import type { Executor, RunningCommand, RunSpec } from "../core/ports.ts";
import { CANCEL_GRACE_MS } from "./policy.ts";
import { processesOf } from "./process-tree.ts";
import type { Terminal } from "./terminal.ts";

export type RunHooks = Parameters<Executor["run"]>[1];

/** A program that prepares and starts a command, and how to talk to it. */
export interface Launcher {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly streams: LauncherStreams;
  /** Bytes on descriptor 3, a socket; `reply` writes back. */
  heard(bytes: Buffer, process: LauncherProcess): void;
  /** Asks the command to end (TERM). */
  terminate(process: LauncherProcess): void;
  /** Ends the pid namespace of the command. */
  kill(process: LauncherProcess): void;
}

/** Standard input and output of a launcher. */
export interface LauncherStreams {
  readonly stdin: "ignore" | "inherit" | "pipe" | number;
  /** "ignore": a terminal that the command opens itself; a number: the other end of one of ours. */
  readonly output: "pipe" | "ignore" | number;
  /** Its own session: Ctrl+C on a terminal is for tsbuild, which then cancels in order. Not where `setsid` gives it one. */
  readonly ownSession: boolean;
}

export interface LauncherProcess {
  readonly pid: number;
  reply(bytes: Uint8Array): void;
}

export interface LauncherEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the launcher to its end, when all its output has been handed over. A signal that fires meanwhile cancels it. */
export async function superviseLauncher(launcher: Launcher, on: RunHooks): Promise<LauncherEnd> {
  if (on.signal.aborted) throw canceled();
  const { stdin, output, ownSession } = launcher.streams;
  const child = spawn(launcher.command, launcher.args, {
    cwd: "/",
    env: launcher.env,
    detached: ownSession,
    stdio: [stdin, output, output, "pipe"],
  });
  // The launcher has it now; ours would keep the terminal from ending.
  if (typeof stdin === "number") closeSync(stdin);
  forward(child.stdout, (bytes) => on.output("stdout", bytes));
  forward(child.stderr, (bytes) => on.output("stderr", bytes));
  const stopListening = cancelOnAbort(launcher, child, on.signal);
  try {
    return await endOf(launcher, child);
  } finally {
    stopListening();
  }
}

/** Where a launcher reads and writes; `slave`: a terminal's other end that the command is to inherit. */
export function streamsOf({ stdio }: RunSpec, slave?: number): LauncherStreams {
  if (slave !== undefined) return { stdin: slave, output: slave, ownSession: false };
  if (stdio === "capture") return { stdin: "ignore", output: "pipe", ownSession: true };
  if (stdio.terminal !== undefined) return { stdin: "ignore", output: "ignore", ownSession: true };
  const stdin = { null: "ignore", inherit: "inherit", open: "pipe" } as const;
  return { stdin: stdin[stdio.stdin], output: "pipe", ownSession: true };
}

/** How callers talk to a command: `find` gives its process, where there is one. */
export function runningCommand(
  find: () => number | undefined,
  terminal: Terminal | undefined,
): RunningCommand {
  return {
    get pid() {
      return find();
    },
    processes: () => {
      const pid = find();
      return pid === undefined ? [] : processesOf(pid);
    },
    kill: (signal) => {
      const pid = find();
      return pid !== undefined && signalIfAlive(pid, signal);
    },
    type: (bytes) => terminal?.type(bytes),
    resize: (size) => terminal?.resize(size),
  };
}

/** Resolves when the launcher is gone and its pipes are read to their ends; only then is an earlier error thrown. */
function endOf(launcher: Launcher, child: ChildProcess): Promise<LauncherEnd> {
  let failure: Error | undefined;
  const channel = child.stdio[3];
  if (channel instanceof Duplex) {
    channel.on("error", () => {}); // a launcher that died early; its end says more
    channel.on("data", (bytes: Buffer) => {
      try {
        launcher.heard(bytes, toProcess(child));
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error));
        // It waits for an answer that will not come; the closed channel ends it.
        channel.destroy();
      }
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => {
      if (failure === undefined) resolve({ exitCode, signal });
      else reject(failure);
    });
  });
}

/** TERM to the command at once, the end of its pid namespace after a grace. */
function cancelOnAbort(launcher: Launcher, child: ChildProcess, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    launcher.terminate(toProcess(child));
    timer = setTimeout(() => launcher.kill(toProcess(child)), CANCEL_GRACE_MS);
  };
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  const stop = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  };
  child.once("exit", stop);
  return stop;
}

function forward(stream: Readable | null, output: (bytes: Buffer) => void): void {
  stream?.on("data", output);
}

function toProcess(child: ChildProcess): LauncherProcess {
  return {
    pid: child.pid ?? 0,
    reply(bytes) {
      const channel = child.stdio[3];
      if (channel instanceof Duplex) channel.write(bytes);
    },
  };
}

export function canceled(): BuildError {
  return new BuildError("cli/canceled", "the command was canceled");
}

/** Sends a signal to a process (or, negative, a group) that may be gone already. */
export function signalIfAlive(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
