import { type ChildProcess, spawn } from "node:child_process";
import { Duplex, type Readable } from "node:stream";
import { BuildError } from "../core/errors.ts";
import type { Executor, RunSpec } from "../core/ports.ts";
import { CANCEL_GRACE_MS } from "./policy.ts";

export type RunHooks = Parameters<Executor["run"]>[1];

/** A program that prepares and starts a command, and how to talk to it. */
export interface Launcher {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: RunSpec["stdio"];
  /** Bytes on descriptor 3, a socket; `reply` writes back. */
  heard(bytes: Buffer, process: LauncherProcess): void;
  /** Asks the command to end (TERM). */
  terminate(process: LauncherProcess): void;
  /** Ends the pid namespace of the command. */
  kill(process: LauncherProcess): void;
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
  const stdio = launcher.stdio === "inherit" ? "inherit" : "pipe";
  const child = spawn(launcher.command, launcher.args, {
    cwd: "/",
    env: launcher.env,
    // Its own session: Ctrl+C on a terminal is for tsbuild, which then cancels in order.
    detached: launcher.stdio === "capture",
    stdio: [launcher.stdio === "inherit" ? "inherit" : "ignore", stdio, stdio, "pipe"],
  });
  forward(child.stdout, (bytes) => on.output("stdout", bytes));
  forward(child.stderr, (bytes) => on.output("stderr", bytes));
  const stopListening = cancelOnAbort(launcher, child, on.signal);
  try {
    return await endOf(launcher, child);
  } finally {
    stopListening();
  }
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
export function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
