import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBuildError } from "../core/errors.ts";
import type { Executor, RunSpec } from "../core/ports.ts";
import { lacksOf } from "./isolation-contract.ts";
import { buildProbeProgram, PROBE_SEPARATOR } from "./native/probe-program.ts";
import { DEFAULT_PATH } from "./policy.ts";

/** What a trial run showed. */
export interface ProbeResult {
  readonly works: boolean;
  /** Why it does not work, for people. */
  readonly problem: string | null;
  /** What of the isolation contract is missing, in words. */
  readonly lacks: readonly string[];
  /** Milliseconds of one run, the second of two. */
  readonly tookMs: number | null;
}

/** The command of the probe is a program for this processor that needs no file of an image. */
export const CAN_PROBE = process.arch === "x64";

/** Runs the probe twice below `home` and holds what it saw against the isolation contract. */
export async function probeExecutor(executor: Executor, home: string): Promise<ProbeResult> {
  const directory = mkdtempSync(join(home, "probe-"));
  try {
    const spec = prepare(directory);
    await observe(executor, spec);
    const start = performance.now();
    const output = await observe(executor, spec);
    const tookMs = Math.round(performance.now() - start);
    const [status = "", mountinfo = ""] = output.split(PROBE_SEPARATOR);
    return { works: true, problem: null, lacks: lacksOf({ status, mountinfo }), tookMs };
  } catch (error) {
    const problem = isBuildError(error) || error instanceof Error ? error.message : String(error);
    return { works: false, problem, lacks: [], tookMs: null };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function prepare(directory: string): RunSpec {
  const root = join(directory, "root");
  const stateDir = join(directory, "state");
  for (const path of [root, stateDir]) mkdirSync(path);
  writeFileSync(join(root, "probe"), buildProbeProgram(), { mode: 0o755 });
  return {
    root: { type: "directory", path: root },
    args: ["/probe"],
    env: [`PATH=${DEFAULT_PATH}`],
    cwd: "/",
    user: { uid: 0, gid: 0, groups: [], home: "/" },
    network: "host",
    hostname: "probe",
    binds: [],
    stdio: "capture",
    stateDir,
  };
}

async function observe(executor: Executor, spec: RunSpec): Promise<string> {
  const output: Uint8Array[] = [];
  const { exitCode } = await executor.run(spec, {
    output: (_, bytes) => output.push(bytes),
    signal: AbortSignal.timeout(30_000),
  });
  const text = Buffer.concat(output).toString("utf8");
  if (exitCode !== 0)
    throw new Error(`its trial run ended with exit code ${exitCode}: ${text.trim().slice(0, 200)}`);
  return text;
}
