/**
 * The thread that does the reading: it mutates, runs, and stops at the first bug. Before each run the input lies in memory that
 * the other side can see, so that it can tell what a run that never ends was given.
 */
import { parentPort, workerData } from "node:worker_threads";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { type FuzzTarget, TARGETS, type TargetModule, type TargetName } from "./target.ts";

export interface WorkerOrder {
  readonly target: TargetName;
  readonly seed: number;
  /** Runs at most; 0: no end. */
  readonly maxRuns: number;
  /** One run of a given input instead of a campaign: to see whether it still fails. */
  readonly only?: Uint8Array | undefined;
  /** Bytes of the input under way. */
  readonly input: SharedArrayBuffer;
  /** How many runs have begun; how long the input under way is. */
  readonly counters: SharedArrayBuffer;
  /** A run longer than this is a finding; 0: never. */
  readonly slowMs: number;
}

export type WorkerReport =
  | { readonly type: "done"; readonly runs: number; readonly outcomes: number }
  | { readonly type: "bug"; readonly message: string; readonly stack: string; readonly input: Uint8Array }
  | { readonly type: "slow"; readonly milliseconds: number; readonly input: Uint8Array };

/** Costly checks are made for one input in this many. */
const THOROUGH_EVERY = 8;
/** Inputs with a new outcome that are kept to be mutated further. */
const MAX_KEPT = 2000;

const order = workerData as WorkerOrder;
const counters = new Int32Array(order.counters);
const shown = Buffer.from(order.input);
let lastOutcome = "";
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table of targets names modules of this shape
const { openTarget } = (await import(TARGETS[order.target])) as TargetModule;

{
  using target = openTarget();
  const input = order.only === undefined ? undefined : Buffer.from(order.only);
  const report = input === undefined ? await campaign(target) : await runOne(target, input, true);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(report);
}

async function campaign(target: FuzzTarget): Promise<WorkerReport> {
  const random = new Random(order.seed);
  const kept = [...target.seeds];
  const outcomes = new Set<string>();
  let runs = 0;
  for (; order.maxRuns === 0 || runs < order.maxRuns; runs++) {
    const input = mutate(random.pick(kept), random, target);
    const report = await runOne(target, input, runs % THOROUGH_EVERY === 0);
    if (report.type !== "done") return report;
    if (lastOutcome === "" || outcomes.has(lastOutcome)) continue;
    outcomes.add(lastOutcome);
    if (kept.length < MAX_KEPT + target.seeds.length) kept.push(input);
  }
  return { type: "done", runs, outcomes: outcomes.size };
}

async function runOne(target: FuzzTarget, input: Buffer, isThorough: boolean): Promise<WorkerReport> {
  input.copy(shown);
  Atomics.store(counters, 1, input.length);
  Atomics.add(counters, 0, 1);
  const started = process.threadCpuUsage();
  try {
    lastOutcome = await target.run(input, isThorough);
  } catch (error) {
    const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    return { type: "bug", message, stack, input };
  }
  const { user } = process.threadCpuUsage(started);
  const milliseconds = Math.round(user / 1000);
  if (order.slowMs > 0 && milliseconds > order.slowMs) return { type: "slow", milliseconds, input };
  return { type: "done", runs: 1, outcomes: 1 };
}
