import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { PROJECT_ROOT } from "./project-root.ts";
import type { RunOptions } from "./run-tsbuild.ts";

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything written so far. */
  readonly output: () => string;
  /** Resolves once standard output and error together match; rejects if the command ends before. */
  readonly said: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** The built program, running: for tests that interrupt it. */
export function startTsbuild(args: readonly string[], options: RunOptions): Started {
  const child = spawn(process.execPath, [join(PROJECT_ROOT, "dist/tsbuild.cjs"), ...args], {
    cwd: options.cwd ?? PROJECT_ROOT,
    env: { ...process.env, TSBUILD_HOME: options.home, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => {
      output += bytes.toString();
      for (const listener of listeners) listener();
    });
  }
  // "exit", not "close": after a kill the pipes may be held by what it left behind.
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(output)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`ended without saying ${String(pattern)}:\n${output}`)));
    });
  return { child, pid: child.pid ?? 0, output: () => output, said, ended };
}
