import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Executor, RunSpec } from "../../src/core/ports.ts";

export const BUSYBOX = "/bin/busybox";

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A busybox image, an overlay over it and a place for state, all in one temporary folder. */
export class Rig implements Disposable {
  readonly dir: string;
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
  readonly state: string;

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), "tsbuild-run-"));
    chmodSync(this.dir, 0o755);
    const make = (name: string): string => {
      mkdirSync(join(this.dir, name));
      return join(this.dir, name);
    };
    this.lower = make("lower");
    this.upper = make("upper");
    this.work = make("work");
    this.state = make("state");
    installBusybox(this.lower);
  }

  spec(args: readonly string[], more: Partial<RunSpec> = {}): RunSpec {
    return {
      root: { type: "overlay", lowers: [this.lower], upper: this.upper, work: this.work },
      args,
      env: ["PATH=/bin"],
      cwd: "/",
      user: { uid: 0, gid: 0, groups: [], home: "/root" },
      network: "host",
      hostname: "buildhost",
      binds: [],
      stdio: "capture",
      stateDir: this.state,
      ...more,
    };
  }

  run(executor: Executor, args: readonly string[], more: Partial<RunSpec> = {}): Promise<Outcome> {
    return runCaptured(executor, this.spec(args, more));
  }

  shell(executor: Executor, script: string, more: Partial<RunSpec> = {}): Promise<Outcome> {
    return this.run(executor, ["sh", "-c", script], more);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function runCaptured(
  executor: Executor,
  spec: RunSpec,
  signal = new AbortController().signal,
  seen: (text: string) => void = () => {},
): Promise<Outcome> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const { exitCode } = await executor.run(spec, {
    output(stream, bytes) {
      output[stream].push(bytes);
      seen(Buffer.from(bytes).toString("utf8"));
    },
    signal,
  });
  return {
    exitCode,
    stdout: Buffer.concat(output.stdout).toString("utf8"),
    stderr: Buffer.concat(output.stderr).toString("utf8"),
  };
}

/** /bin/busybox and its names, nothing else. */
export function installBusybox(root: string): void {
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync(BUSYBOX, join(root, "bin", "busybox"));
  for (const name of execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n")) {
    if (name !== "busybox") symlinkSync("busybox", join(root, "bin", name));
  }
}

/** Ids of all processes of this machine whose command line holds the text. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Looks again until `done`, at most twenty seconds. */
export async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error("it did not come true in 20 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
