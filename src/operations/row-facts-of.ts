import type { RowFacts, RowVariable } from "../cache-key/row-facts.ts";
import { looksSecret } from "../cache-key/secret-names.ts";
import type { Step } from "../core/step.ts";
import type { BuildPlan, PlannedRow, StagePlan } from "../plan/types.ts";

type Redact = (name: string, value: string) => string | undefined;

/** The rows of a plan's needed stages, as they are recorded. */
export function rowFactsOf(plan: BuildPlan, redact: Redact): RowFacts[] {
  return [...plan.stages.values()].flatMap((stage) =>
    stage.rows.map((planned) => toFacts(planned, { plan, stage, redact })),
  );
}

/** An ARG or ENV line with the values of secret-looking variables masked, also one that only mentions such a name. */
export function maskSecrets(instruction: string): string {
  if (!/^\s*(arg|env|label)\s/i.test(instruction)) return instruction;
  const legacy = /^(\s*env\s+)([\w.-]+)(\s+)(?!=)(.*)$/i.exec(instruction);
  if (legacy?.[2] !== undefined && !legacy[2].includes("=")) {
    return looksSecret(legacy[2]) ? `${legacy[1]}${legacy[2]}${legacy[3]}(hidden)` : instruction;
  }
  return instruction.replaceAll(
    /([\w.-]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)/g,
    (pair, name: string) => (looksSecret(name) ? `${name}=(hidden)` : pair),
  );
}

function toFacts(
  planned: PlannedRow,
  { plan, stage, redact }: { readonly plan: BuildPlan; readonly stage: StagePlan; readonly redact: Redact },
): RowFacts {
  const { row, step: stepId, effective } = planned;
  const step = stepId === undefined ? undefined : plan.steps.get(stepId);
  const keyword = (/^\s*(\w+)/.exec(row.instruction)?.[1] ?? "").toUpperCase();
  const isFrom = row.ordinal === 1 && keyword === "FROM";
  return {
    id: row.id,
    stage: row.stage ?? String(row.stageIndex),
    stageIndex: row.stageIndex,
    ordinal: row.ordinal,
    keyword,
    written: maskSecrets(row.instruction),
    // Expanded text may hold any value: it is only ever compared.
    effective: redact("SECRET", effective) ?? "",
    variables: (planned.variables ?? []).map((variable) => toVariable(variable, redact)),
    base: isFrom ? baseOf(planned, step) : null,
    reads: isFrom ? (stage.fromStage ?? null) : copiedStage(step, plan),
    isStep: step !== undefined && !isFrom,
  };
}

function baseOf(planned: PlannedRow, step: Step | undefined): RowFacts["base"] {
  if (step?.op.type !== "image") return null;
  return { name: planned.base ?? planned.row.instruction, image: step.op.image };
}

/** The stage that a COPY --from reads; null: the context, or an image. */
function copiedStage(step: Step | undefined, plan: BuildPlan): number | null {
  if (step?.op.type !== "copy" || step.op.from.type !== "step") return null;
  const from = step.op.from.step;
  return [...plan.stages.values()].find(({ result }) => result === from)?.index ?? null;
}

function toVariable(
  { name, value }: { readonly name: string; readonly value: string | undefined },
  redact: Redact,
): RowVariable {
  const hidden = value === undefined ? undefined : redact(name, value);
  return hidden === undefined ? { name, value: value ?? null } : { name, value: hidden, redacted: true };
}
