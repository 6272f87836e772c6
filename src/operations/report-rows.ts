import { createHash } from "node:crypto";
import { reasonText } from "../cache-key/explain.ts";
import type { CacheModel } from "../cache-key/model.ts";
import type { Change } from "../core/cache-key.ts";
import type { BuildEvent, EmitEvent, RowPlan, StepOutcome, Unstamped } from "../core/events.ts";
import type { BuildPlan, PlannedRow, StagePlan } from "../plan/types.ts";
import type { BuildReasons } from "./build-reasons.ts";
import type { BuiltStep } from "./types.ts";
import type { Workshop } from "./workshop.ts";

type StepFinished = Extract<Unstamped<BuildEvent>, { type: "step-finished" }>;

/** Rows of one build as they end: those with steps from the solver's events, metadata rows in their turn between them. */
export interface RowReport {
  /** Hand it the solver's events: they pass through, and metadata rows that are due are added. */
  readonly emit: EmitEvent;
  /** Every row of the Dockerfile in file order; what was never reached is CANCELED, also on the display. */
  finish(): readonly BuiltStep[];
}

interface Turn {
  readonly planned: PlannedRow;
  /** The row that must end first: the one above, or the last of the stage that FROM names. */
  readonly after: string | undefined;
  /** What a metadata row is recognised by: a hash over the effective instructions down to it. */
  readonly prefix: string;
}

export function reportRows(
  plan: BuildPlan,
  build: {
    readonly shop: Workshop;
    readonly emit: EmitEvent;
    readonly noCache: (stageIndex: number) => boolean;
    readonly reasons: BuildReasons;
    readonly model: CacheModel;
  },
): RowReport {
  const turns = turnsOf(plan, build.model);
  const ended = new Map<string, StepFinished>();
  const end = (event: StepFinished) => {
    ended.set(event.row, event);
    build.emit(event);
  };
  const flush = () => {
    for (const { planned, after, prefix } of turns) {
      const { id } = planned.row;
      if (planned.step !== undefined || ended.has(id)) continue;
      if (after !== undefined && !isDone(ended.get(after)?.result)) continue;
      const noCache = build.noCache(planned.row.stageIndex);
      const known = !noCache && build.shop.store.facts.has(`prefix ${prefix}`);
      if (!known) build.shop.store.facts.put(`prefix ${prefix}`, "");
      end(
        known ? metadataEvent(id, "HIT") : metadataEvent(id, "MISS", build.reasons.ofMetadata(id, noCache)),
      );
    }
  };
  return {
    emit: (event) => {
      if (event.type !== "step-finished") return build.emit(event);
      end(event);
      flush();
    },
    finish: () => {
      for (const row of plan.rows) {
        if (row.needed && !ended.has(row.id)) end(metadataEvent(row.id, "CANCELED"));
      }
      return plan.rows.map((row) =>
        toBuiltStep(row, ended.get(row.id), build.reasons.changes.get(row.id) ?? []),
      );
    },
  };
}

function isDone(result: StepOutcome | undefined): boolean {
  return result === "HIT" || result === "MISS";
}

/** Rows known to one model are unknown to another. */
function turnsOf(plan: BuildPlan, { name }: CacheModel): Turn[] {
  const bottom = name === "tsbuild" ? "" : name;
  const prefixes = new Map<number, string>();
  const turns: Turn[] = [];
  for (const stage of plan.stages.values()) {
    let above = lastRowOf(plan.stages.get(stage.fromStage ?? -1));
    let prefix = prefixes.get(stage.fromStage ?? -1) ?? bottom;
    for (const planned of stage.rows) {
      prefix = hash(prefix, identityOf(planned, plan));
      turns.push({ planned, after: above, prefix });
      above = planned.row.id;
    }
    prefixes.set(stage.index, prefix);
  }
  return turns;
}

function lastRowOf(stage: StagePlan | undefined): string | undefined {
  return stage?.rows.at(-1)?.row.id;
}

/** A FROM is what its name came to; any other row its effective instruction. */
function identityOf(planned: PlannedRow, plan: BuildPlan): string {
  const op = planned.step === undefined ? undefined : plan.steps.get(planned.step)?.op;
  return op?.type === "image" ? `FROM ${op.image}` : planned.effective;
}

function hash(prefix: string, text: string): string {
  return createHash("sha256").update(`${prefix}\0${text}`).digest("hex");
}

function metadataEvent(row: string, result: StepOutcome, changes: readonly Change[] = []): StepFinished {
  const [change = null] = changes;
  const reason = change === null ? null : reasonText(changes);
  return { type: "step-finished", row, result, tookMs: null, savedMs: null, layer: null, reason, change };
}

function toBuiltStep(row: RowPlan, end: StepFinished | undefined, changes: readonly Change[]): BuiltStep {
  const { id, stage, stageIndex, line, instruction, onbuild, ordinal, total } = row;
  const result = end?.result ?? "SKIP";
  const seconds = end?.tookMs === undefined || end.tookMs === null ? null : end.tookMs / 1000;
  const reasons =
    changes.length > 0 ? changes : end?.change === undefined || end.change === null ? [] : [end.change];
  return {
    id,
    stage,
    stageIndex,
    line,
    instruction,
    onbuild,
    ordinal,
    total,
    result,
    cache:
      result === "HIT"
        ? { status: "hit" }
        : result === "MISS"
          ? { status: "miss", reasons }
          : { status: "none" },
    layer: end?.layer ?? null,
    seconds,
  };
}
