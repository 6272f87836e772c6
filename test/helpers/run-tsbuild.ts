import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PROJECT_ROOT } from "./project-root.ts";

export interface RunOptions {
  /** The store: TSBUILD_HOME. */
  readonly home: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it is, for archives. */
  readonly bytes: Buffer;
}

/** The built program, as a person runs it; its exit code is the caller's to look at. */
export function runTsbuild(args: readonly string[], options: RunOptions): Ran {
  const done = spawnSync(process.execPath, [join(PROJECT_ROOT, "dist/tsbuild.cjs"), ...args], {
    cwd: options.cwd ?? PROJECT_ROOT,
    env: { ...process.env, TSBUILD_HOME: options.home, ...options.env },
    input: options.input ?? "",
    maxBuffer: 1 << 30,
  });
  return {
    status: done.status,
    stdout: done.stdout.toString(),
    stderr: done.stderr.toString(),
    bytes: done.stdout,
  };
}

/** The same where anything but exit code 0 is a failure of the test. */
export function tsbuild(args: readonly string[], options: RunOptions): Ran {
  const ran = runTsbuild(args, options);
  if (ran.status !== 0)
    throw new Error(
      `tsbuild ${args.join(" ")} ended with ${ran.status}:\n${ran.stderr}${ran.stdout.slice(-2000)}`,
    );
  return ran;
}
