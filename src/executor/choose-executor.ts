import { mkdirSync, statSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import type { Executor } from "../core/ports.ts";
import { findProgram } from "../host/find-program.ts";
import { createNativeExecutor } from "./native-executor.ts";
import { createOciExecutor } from "./oci-executor.ts";
import { CAN_PROBE, type ProbeResult, probeExecutor } from "./probe.ts";
import { recallProbe, rememberProbe } from "./probe-memory.ts";
import { createUnshareExecutor } from "./unshare-executor.ts";

export type ExecutorName = Executor["name"];

/** One executor on this machine, for `doctor` and for `--debug`. */
export interface ExecutorFinding extends ProbeResult {
  readonly name: ExecutorName;
  /** The program behind it: path of the runtime, of unshare; null where it is missing. */
  readonly program: string | null;
}

export interface ExecutorChoice {
  readonly executor: Executor;
  /** "native: all of Docker's isolation, 6 ms a command". */
  readonly why: string;
  /** What was looked at on the way, in order. */
  readonly report: readonly ExecutorFinding[];
}

/** Fastest first, as measured: a few ms, 60–80 ms, 80–160 ms. */
const NAMES: readonly ExecutorName[] = ["native", "oci", "unshare"];
/** Changes when the native program does: an older probe says nothing about it. */
const NATIVE_VERSION = 2;

/**
 * The executor by name, or for "auto" the fastest that passes the whole isolation contract here; where none does, the one
 * that lacks least. Trial runs are remembered in `home`, so only the first command after a boot pays for them.
 */
export async function chooseExecutor(preference: string, home: string): Promise<ExecutorChoice> {
  if (process.platform !== "linux") {
    throw new BuildError("run/platform", "commands of an image can be run on Linux only", {
      hint: "Run tsbuild in a Linux machine or virtual machine; everything but RUN works here.",
    });
  }
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (preference === "auto") return await chooseBest(home);
  const name = NAMES.find((known) => known === preference);
  if (name === undefined) {
    throw new BuildError("cli/usage", `--executor=${preference} is not an executor`, {
      hint: `Choose auto, ${NAMES.join(", ")}.`,
    });
  }
  const { finding, executor } = await examine(name, home);
  if (executor === undefined) throw noExecutor([finding]);
  return { executor, why: `${name}: asked for${lackText(finding)}`, report: [finding] };
}

/** Every executor with what it lacks; for `doctor`. Remembered results are not asked again. */
export async function reportExecutors(home: string): Promise<readonly ExecutorFinding[]> {
  const findings: ExecutorFinding[] = [];
  for (const name of NAMES) findings.push((await examine(name, home)).finding);
  return findings;
}

interface Examined {
  readonly finding: ExecutorFinding;
  /** undefined: it does not work here. */
  readonly executor: Executor | undefined;
}

async function chooseBest(home: string): Promise<ExecutorChoice> {
  const examined: Examined[] = [];
  for (const name of NAMES) {
    const one = await examine(name, home);
    examined.push(one);
    if (one.executor !== undefined && one.finding.lacks.length === 0) break;
  }
  const report = examined.map((one) => one.finding);
  const working = examined.filter((one) => one.executor !== undefined);
  const [best] = working.toSorted((a, b) => a.finding.lacks.length - b.finding.lacks.length);
  if (best?.executor === undefined) throw noExecutor(report);
  const speed = best.finding.tookMs === null ? "" : `, ${best.finding.tookMs} ms a command`;
  const isolation =
    best.finding.lacks.length === 0 ? "all of Docker's isolation" : `lacks least${lackText(best.finding)}`;
  return { executor: best.executor, why: `${best.finding.name}: ${isolation}${speed}`, report };
}

async function examine(name: ExecutorName, home: string): Promise<Examined> {
  const candidates = candidatesOf(name, home);
  const tried: Examined[] = [];
  for (const { program, executor, identity } of candidates) {
    const result =
      recallProbe(home, `${name} ${program}`, identity) ??
      (await probeAndRemember(executor, home, { program, identity }));
    tried.push({ finding: { name, program, ...result }, executor: result.works ? executor : undefined });
    if (result.works) break;
  }
  return tried.at(-1) ?? { finding: missing(name), executor: undefined };
}

async function probeAndRemember(
  executor: Executor,
  home: string,
  about: { readonly program: string; readonly identity: string },
): Promise<ProbeResult> {
  if (!CAN_PROBE) return { works: true, problem: null, lacks: ["untested on this processor"], tookMs: null };
  const result = await probeExecutor(executor, home);
  rememberProbe(home, `${executor.name} ${about.program}`, { identity: about.identity, result });
  return result;
}

interface Candidate {
  readonly program: string;
  readonly identity: string;
  readonly executor: Executor;
}

function candidatesOf(name: ExecutorName, home: string): Candidate[] {
  if (name === "native") {
    if (process.arch !== "x64") return [];
    return [
      { program: "built in", identity: `native ${NATIVE_VERSION}`, executor: createNativeExecutor(home) },
    ];
  }
  const programs = name === "oci" ? ["runc", "crun"] : ["unshare"];
  return programs.flatMap((command): Candidate[] => {
    const program = findProgram(command);
    if (program === undefined) return [];
    const { size, mtimeMs } = statSync(program);
    const executor = name === "oci" ? createOciExecutor(home, program) : createUnshareExecutor(home);
    return [{ program, identity: `${program} ${size} ${mtimeMs}`, executor }];
  });
}

function missing(name: ExecutorName): ExecutorFinding {
  const problem = {
    native: "made for x86-64 processors only",
    oci: "neither runc nor crun is installed",
    unshare: "util-linux is not installed",
  }[name];
  return { name, program: null, works: false, problem, lacks: [], tookMs: null };
}

function lackText({ lacks }: ExecutorFinding): string {
  return lacks.length === 0 ? "" : ` (${lacks.join("; ")})`;
}

function noExecutor(report: readonly ExecutorFinding[]): BuildError {
  const reasons = report.map(({ name, problem }) => `${name}: ${problem ?? "does not work"}`).join("; ");
  return new BuildError("run/no-executor", `nothing here can run a command of an image (${reasons})`, {
    hint: "`tsbuild doctor` says what is missing.",
  });
}
