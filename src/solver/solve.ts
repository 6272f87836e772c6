import type { ParentMaterial } from "../cache-key/model.ts";
import type { CacheKey, Change } from "../core/cache-key.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { CacheRecord, SnapshotRef } from "../core/ports.ts";
import type { Step, StepId } from "../core/step.ts";
import { Semaphore } from "./semaphore.ts";
import type { SolverOptions, SolverPorts, StepInputs, StepResult } from "./types.ts";

/** Schema of cache records. */
const RECORD_SCHEMA = 1;

/**
 * Steps to layers. Each step runs once its parent and what it reads are done; independent ones side by side. A step whose
 * key has a record is not executed. The first failure cancels the rest and is what the call rejects with; finished steps stay
 * recorded, so the next build meets them again.
 */
export async function solve(
  steps: ReadonlyMap<StepId, Step>,
  ports: SolverPorts,
  options: SolverOptions,
): Promise<ReadonlyMap<StepId, StepResult>> {
  const solver = new Solver(steps, ports, options);
  return await solver.run();
}

class Solver {
  readonly #steps: ReadonlyMap<StepId, Step>;
  readonly #ports: SolverPorts;
  readonly #options: SolverOptions;
  readonly #semaphore: Semaphore;
  readonly #pending = new Map<StepId, Promise<StepResult>>();
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #started = new Map<StepId, number>();
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  #silent = false;

  constructor(steps: ReadonlyMap<StepId, Step>, ports: SolverPorts, options: SolverOptions) {
    this.#steps = steps;
    this.#ports = ports;
    this.#options = options;
    this.#semaphore = new Semaphore(options.jobs);
    this.#signal = AbortSignal.any([options.signal, this.#failure.signal]);
  }

  async run(): Promise<ReadonlyMap<StepId, StepResult>> {
    const { refused } = this.#options;
    if (refused !== undefined) {
      this.#fail(refused.step, refused.error);
      throw refused.error;
    }
    const settled = await Promise.allSettled([...this.#steps.keys()].map((id) => this.#solve(id)));
    if (this.#failure.signal.aborted) this.#failure.signal.throwIfAborted();
    const results = new Map<StepId, StepResult>();
    for (const outcome of settled) {
      if (outcome.status === "rejected") throw toError(outcome.reason);
      results.set(outcome.value.step.id, outcome.value);
    }
    return results;
  }

  #solve(id: StepId): Promise<StepResult> {
    const known = this.#pending.get(id);
    if (known !== undefined) return known;
    const step = this.#steps.get(id);
    if (step === undefined) throw new Error(`no step ${id}`);
    const solved = this.#solveStep(step);
    this.#pending.set(id, solved);
    return solved;
  }

  async #solveStep(step: Step): Promise<StepResult> {
    const inputs = await this.#inputs(step);
    try {
      this.#refuseCanceled();
      return inputs.parent === undefined ? await this.#solveBase(step) : await this.#solveOver(step, inputs);
    } catch (error) {
      this.#fail(step, error);
      throw error;
    }
  }

  async #inputs(step: Step): Promise<StepInputs> {
    const parent = step.parent === undefined ? undefined : await this.#solve(step.parent);
    const reads = new Map<StepId, StepResult>();
    for (const id of step.reads) reads.set(id, await this.#solve(id));
    return { parent, reads };
  }

  async #solveBase(step: Step): Promise<StepResult> {
    const snapshot = await this.#ports.base(step);
    const result: StepResult = {
      step,
      snapshot,
      layer: undefined,
      outcome: "HIT",
      created: undefined,
      key: undefined,
      changes: [],
      tookMs: null,
      savedMs: null,
    };
    this.#report(result);
    return result;
  }

  async #solveOver(step: Step, inputs: StepInputs): Promise<StepResult> {
    const material = await this.#ports.material(step, inputs);
    const { parent } = inputs;
    if (parent === undefined) throw new Error(`${step.id} stands on nothing`);
    const key = this.#ports.model.keyOf(step, {
      ...material,
      parent: parentMaterial(parent, this.#ports),
    });
    // Two steps of one build with one key: the second waits, then meets the first one's record.
    const twin = this.#running.get(key.id);
    if (twin !== undefined) await twin.catch(() => undefined);
    const hit = this.#probe(step, key, { parent: parent.snapshot, again: twin !== undefined });
    if (hit.result !== undefined) {
      this.#ports.keyed(step, key, []);
      this.#report(hit.result);
      return hit.result;
    }
    // Marked before anything is awaited: a twin that comes now must wait.
    const work = this.#miss(step, inputs, { key, known: hit.changes });
    this.#running.set(key.id, work);
    return await work;
  }

  async #miss(
    step: Step,
    inputs: StepInputs,
    found: { readonly key: CacheKey; readonly known: readonly Change[] | undefined },
  ): Promise<StepResult> {
    const { key } = found;
    const fetched = await this.#fetch(step, inputs, key);
    if (fetched !== undefined) return fetched;
    this.#prepare();
    await this.#ports.remember(step, inputs);
    const changes = found.known ?? this.#ports.why(step, key);
    this.#ports.keyed(step, key, changes);
    return await this.#semaphore.run(() => this.#execute(step, inputs, { key, changes }));
  }

  async #fetch(step: Step, inputs: StepInputs, key: CacheKey): Promise<StepResult | undefined> {
    const { fetchRecord, keyed } = this.#ports;
    const parent = inputs.parent?.snapshot;
    const noCache = this.#options.noCache(step.meta.stageIndex);
    if (fetchRecord === undefined || noCache || parent === undefined) return undefined;
    const isHere = await this.#semaphore.run(() => fetchRecord(step, key, parent));
    const { result } = isHere ? this.#probe(step, key, { parent, again: true }) : {};
    if (result === undefined) return undefined;
    keyed(step, key, []);
    this.#report(result);
    return result;
  }

  #probe(
    step: Step,
    key: CacheKey,
    at: { readonly parent: SnapshotRef; readonly again: boolean },
  ): { readonly result?: StepResult; readonly changes: readonly Change[] | undefined } {
    if (this.#options.noCache(step.meta.stageIndex) && !at.again) {
      return { changes: [{ kind: "no-cache", subject: "--no-cache", old: null, new: null }] };
    }
    const record = this.#ports.cache.get(key.id);
    if (record === undefined) return { changes: undefined };
    const snapshot = this.#ports.recall(record, at.parent);
    if (snapshot === undefined) {
      return {
        changes: [{ kind: "pruned", subject: step.meta.title, old: record.layer?.diffId ?? null, new: null }],
      };
    }
    this.#ports.cache.touch(key.id);
    return { result: hitResult(step, { key, record, snapshot }), changes: [] };
  }

  async #execute(
    step: Step,
    inputs: StepInputs,
    found: { readonly key: CacheKey; readonly changes: readonly Change[] },
  ): Promise<StepResult> {
    this.#refuseCanceled();
    const { clock, emit } = this.#ports;
    emit({ type: "step-started", row: step.id });
    const startedMs = clock.monotonicMs();
    this.#started.set(step.id, startedMs);
    const executed = await this.#ports.execute(step, inputs, this.#signal);
    const tookMs = clock.monotonicMs() - startedMs;
    const { key, changes } = found;
    const record = this.#keep(this.#recordOf(step, { key, executed, tookMs }), step, inputs);
    const result = this.#adopt(step, inputs, { record, executed });
    const done: StepResult = { ...result, outcome: "MISS", changes, key, tookMs, savedMs: null };
    this.#report(done);
    return done;
  }

  /** The record that stands. One whose result cannot be had (pruned, imported and wrong) gives way: it would be a miss for ever. */
  #keep(record: CacheRecord, step: Step, { parent }: StepInputs): CacheRecord {
    const { cache, recall } = this.#ports;
    const standing = cache.put(record, this.#options.noCache(step.meta.stageIndex));
    const isOther = standing.layer?.diffId !== record.layer?.diffId;
    if (!isOther || parent === undefined || recall(standing, parent.snapshot) !== undefined) return standing;
    return cache.put(record, true);
  }

  /** Another build may have recorded the same key first: its result is taken, so that both images agree. */
  #adopt(
    step: Step,
    inputs: StepInputs,
    made: {
      readonly record: CacheRecord;
      readonly executed: { layer: StepResult["layer"]; snapshot: SnapshotRef };
    },
  ): StepResult {
    const { record, executed } = made;
    const own = record.layer?.diffId === executed.layer?.diffId;
    const parent = inputs.parent?.snapshot;
    const snapshot = own || parent === undefined ? undefined : this.#ports.recall(record, parent);
    const base = {
      step,
      key: record.key,
      changes: [],
      tookMs: null,
      savedMs: null,
      outcome: "MISS" as const,
    };
    if (snapshot === undefined) {
      return { ...base, snapshot: executed.snapshot, layer: executed.layer, created: record.created };
    }
    const layer = record.layer === null ? undefined : snapshot.layers.at(-1);
    return { ...base, snapshot, layer, created: record.created };
  }

  #recordOf(
    step: Step,
    made: {
      readonly key: CacheKey;
      readonly executed: { layer: StepResult["layer"]; snapshot: SnapshotRef };
      readonly tookMs: number;
    },
  ): CacheRecord {
    const { layer, snapshot } = made.executed;
    const { stageName, stageIndex, ordinal, title } = step.meta;
    return {
      schema: RECORD_SCHEMA,
      key: made.key,
      layer: layer === undefined ? null : { diffId: layer.diffId, size: layer.size },
      content: snapshot.content,
      created: new Date(this.#ports.clock.nowMs()).toISOString(),
      tookMs: made.tookMs,
      about: { dockerfile: this.#options.dockerfile, stage: stageName ?? String(stageIndex), ordinal, title },
    };
  }

  #report(result: StepResult): void {
    const { step, layer, outcome, tookMs, savedMs, changes } = result;
    this.#ports.finished?.(result);
    if (step.meta.ordinal === 0) return;
    this.#ports.emit({
      type: "step-finished",
      row: step.id,
      result: outcome,
      tookMs,
      savedMs,
      layer: layer === undefined ? null : { diffId: layer.diffId, size: layer.size },
      ...(step.op.type === "image" ? { base: step.op.image } : {}),
      reason: outcome === "MISS" ? this.#reason(changes) : null,
      change: changes[0] ?? null,
    });
  }

  #reason(changes: readonly Change[]): string | null {
    return changes.length === 0 ? null : this.#ports.describe(changes);
  }

  #fail(step: Step, error: unknown): void {
    const canceled = this.#signal.aborted;
    const startedMs = this.#started.get(step.id);
    if (!canceled) {
      this.#failure.abort(error);
    }
    if (step.meta.ordinal === 0 || this.#silent) return;
    this.#ports.emit({
      type: "step-finished",
      row: step.id,
      result: canceled ? "CANCELED" : "FAIL",
      tookMs: startedMs === undefined ? null : this.#ports.clock.monotonicMs() - startedMs,
      savedMs: null,
      layer: null,
      reason: isBuildError(error) && !canceled ? error.message : null,
      change: null,
    });
  }

  #prepare(): void {
    try {
      this.#ports.beforeWork();
    } catch (error) {
      this.#silent = true;
      throw error;
    }
  }

  #refuseCanceled(): void {
    if (this.#signal.aborted) throw new BuildError("cli/canceled", "the build was canceled");
  }
}

function parentMaterial(parent: StepResult, ports: SolverPorts): ParentMaterial {
  const { op, meta } = parent.step;
  const isBase = op.type === "image" || op.type === "scratch";
  const title = isBase ? meta.title : `step ${meta.ordinal}`;
  return {
    content: parent.snapshot.content,
    title,
    isBase,
    chain: parent.snapshot.layers.at(-1)?.chainId,
    key: parent.key?.id,
    identity: op.type === "image" ? (ports.identityOf(op.image) ?? op.image) : identityOfResult(parent),
  };
}

/** A result by its record: the same step done again is another. */
export function identityOfResult({ key, created }: StepResult): string {
  return key === undefined ? "scratch" : `${key.id} ${created ?? ""}`;
}

function hitResult(
  step: Step,
  found: { readonly key: CacheKey; readonly record: CacheRecord; readonly snapshot: SnapshotRef },
): StepResult {
  const { key, record, snapshot } = found;
  return {
    step,
    snapshot,
    layer: record.layer === null ? undefined : snapshot.layers.at(-1),
    outcome: "HIT",
    created: record.created,
    key,
    changes: [],
    tookMs: null,
    savedMs: record.tookMs,
  };
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
