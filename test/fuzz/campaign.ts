import { Worker } from "node:worker_threads";
import type { WorkerOrder, WorkerReport } from "./fuzz-worker.ts";
import type { TargetName } from "./target.ts";

/** What was found: an input, and what it does. */
export interface Finding {
  readonly kind: "bug" | "slow" | "hang" | "memory";
  /** The message, or what was measured. */
  readonly what: string;
  /** Where in our code, as far as it is known: findings of one place are one. */
  readonly place: string;
  readonly input: Buffer;
}

export interface CampaignOptions {
  readonly target: TargetName;
  readonly seed: number;
  /** Runs at most; 0: as long as `seconds` says. */
  readonly maxRuns: number;
  readonly seconds: number;
  /** Findings that end it. */
  readonly maxFindings: number;
  /** A run that takes longer never ends. */
  readonly hangMs: number;
  /** CPU time of a run from which on it is slow; 0: any will do. */
  readonly slowMs: number;
  /** Tries to make a finding's input small; a twentieth of it where each takes long. */
  readonly maxTries: number;
  /** Heap of the reader. */
  readonly heapMb: number;
}

export interface CampaignResult {
  readonly runs: number;
  readonly findings: readonly Finding[];
}

const INPUT_BYTES = 1 << 20;

/** Runs one target until its time or its runs are over; after a finding with the next seed, findings of a known place passed over. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const ends = options.seconds === 0 ? Number.POSITIVE_INFINITY : Date.now() + options.seconds * 1000;
  const findings: Finding[] = [];
  let runs = 0;
  for (let seed = options.seed; findings.length < options.maxFindings && Date.now() < ends; seed++) {
    const left = options.maxRuns === 0 ? 0 : options.maxRuns - runs;
    if (options.maxRuns > 0 && left <= 0) break;
    const round = await runWorker({ ...options, seed, maxRuns: left }, ends - Date.now());
    runs += round.runs;
    const { finding } = round;
    if (finding === undefined) break;
    if (!findings.some((known) => known.place === finding.place && known.kind === finding.kind))
      findings.push(await minimise(finding, options));
  }
  return { runs, findings };
}

/** One input again; undefined where it is read as it should be. */
export async function replay(input: Buffer, options: CampaignOptions): Promise<Finding | undefined> {
  return (await runWorker({ ...options, only: input }, options.seconds * 1000)).finding;
}

/** A thread for one order; `only` for a single input. */
async function runWorker(
  options: CampaignOptions & { readonly only?: Buffer },
  milliseconds: number,
): Promise<{ readonly runs: number; readonly finding: Finding | undefined }> {
  const order: WorkerOrder = {
    target: options.target,
    seed: options.seed,
    maxRuns: options.maxRuns,
    only: options.only,
    input: new SharedArrayBuffer(INPUT_BYTES),
    counters: new SharedArrayBuffer(8),
    slowMs: options.slowMs,
  };
  const counters = new Int32Array(order.counters);
  const current = () => Buffer.from(new Uint8Array(order.input, 0, Atomics.load(counters, 1)));
  const worker = new Worker(new URL("fuzz-worker.ts", import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
    stderr: true,
    execArgv: [],
  });
  let watch: NodeJS.Timeout | undefined;
  const finding = await new Promise<Finding | undefined>((resolve) => {
    let seen = 0;
    let since = Date.now();
    const ends = Date.now() + milliseconds;
    watch = setInterval(() => {
      const now = Atomics.load(counters, 0);
      if (now !== seen || now === 0) [seen, since] = [now, Date.now()];
      if (Date.now() - since > options.hangMs) {
        resolve({ kind: "hang", what: `no end after ${options.hangMs} ms`, place: "hang", input: current() });
      } else if (Date.now() > ends) resolve(undefined);
    }, 50);
    worker.once("message", (report: WorkerReport) => resolve(toFinding(report)));
    worker.once("error", (error) => resolve(fromCrash(error, current())));
    worker.once("exit", () => resolve(undefined));
  });
  clearInterval(watch);
  await worker.terminate();
  return { runs: Atomics.load(counters, 0), finding };
}

function toFinding(report: WorkerReport): Finding | undefined {
  if (report.type === "done") return undefined;
  const input = Buffer.from(report.input);
  if (report.type === "slow")
    return { kind: "slow", what: `${report.milliseconds} ms of ${input.length} bytes`, place: "slow", input };
  return { kind: "bug", what: report.message, place: placeOf(report.stack), input };
}

function fromCrash(error: unknown, input: Buffer): Finding {
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === "ERR_WORKER_OUT_OF_MEMORY")
    return { kind: "memory", what: "more than its heap", place: "memory", input };
  return { kind: "bug", what: message, place: placeOf(stack ?? ""), input };
}

/** The first line of the stack that is ours. A stack overflow has none that is always the same: its first will do. */
function placeOf(stack: string): string {
  return /(?:src|test\/fuzz)\/[\w./-]+\.ts:\d+/.exec(stack)?.[0] ?? stack.slice(0, 80);
}

/** The input with ever smaller stretches taken out, as long as the same happens at the same place. */
async function minimise(finding: Finding, options: CampaignOptions): Promise<Finding> {
  const maxTries = finding.kind === "bug" ? options.maxTries : options.maxTries / 20;
  const hangMs = Math.min(options.hangMs, 2000);
  let tries = 0;
  let best = finding.input;
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.length; ) {
      if (++tries > maxTries) return { ...finding, input: best };
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const { finding: again } = await runWorker({ ...options, hangMs, only: shorter }, hangMs * 2);
      if (again?.kind === finding.kind && again.place === finding.place) best = shorter;
      else at += size;
    }
  }
  return { ...finding, input: best };
}
