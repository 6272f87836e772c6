import type { ContainerConfig } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";
import type { EngineRules, Step, StepId } from "../core/step.ts";
import { splitVariable } from "./env-list.ts";
import { withShell } from "./lowering.ts";
import type { BuildPlan, PlannedRow, StagePlan } from "./types.ts";

/** What stands above an instruction of a stage. */
export interface ChainScope {
  /** As the instruction above leaves it. */
  readonly config: ContainerConfig;
  /** Names of the ARGs that this stage has declared and that have a value. */
  readonly declared: readonly string[];
}

/** One row of a chain, as its engine words it. */
export interface ChainedRow {
  readonly text: string;
  readonly args?: readonly string[] | undefined;
}

/** How an engine to which every instruction is a step sees a plan. */
export interface ChainRules {
  readonly word: (row: PlannedRow, scope: ChainScope, step: Step | undefined) => ChainedRow;
  readonly dropsEmpty: boolean;
  /** RUN loses what it writes below a VOLUME. */
  readonly losesVolumes: boolean;
  /** ONBUILD has a row in the history. */
  readonly keepsOnbuild: boolean;
}

/** The plan with a step for every instruction, each standing on the one above it. */
export function chainInstructions(plan: BuildPlan, rules: ChainRules): BuildPlan {
  const chain = new Chain(plan, rules);
  const stages = new Map([...plan.stages].map(([index, stage]) => [index, chain.stage(stage)]));
  const target = stages.get(plan.target.index);
  if (target === undefined) throw new Error("the target was not planned");
  return { ...plan, stages, target, steps: chain.steps };
}

class Chain {
  readonly steps = new Map<StepId, Step>();
  readonly #plan: BuildPlan;
  readonly #rules: ChainRules;
  /** The last step of a stage, by index. */
  readonly #ends = new Map<number, StepId>();

  constructor(plan: BuildPlan, rules: ChainRules) {
    this.#plan = plan;
    this.#rules = rules;
    for (const step of plan.steps.values()) if (step.parent === undefined) this.steps.set(step.id, step);
  }

  stage(stage: StagePlan): StagePlan {
    const [from, ...rest] = stage.rows;
    let current = stage.fromStage === undefined ? from?.step : this.#ends.get(stage.fromStage);
    if (from === undefined || current === undefined) throw new Error("a stage that stands on nothing");
    this.#addFolder(from);
    let scope: ChainScope = { config: from.config, declared: [] };
    const rows = [from];
    for (const row of rest) {
      const step = this.#step(row, scope, { parent: current, platform: stage.platform });
      this.steps.set(step.id, step);
      current = step.id;
      const names = isKeyword(row, "ARG") ? valuedNames(row) : [];
      scope = { config: row.config, declared: [...scope.declared, ...names] };
      rows.push({ ...row, step: step.id, history: this.#history(row) });
    }
    this.#ends.set(stage.index, current);
    return { ...stage, rows, result: current };
  }

  /** FROM a named folder is a step that copies it: no engine of this kind has that, so it is known by what it copies. */
  #addFolder(from: PlannedRow): void {
    const step = from.step === undefined ? undefined : this.#plan.steps.get(from.step);
    if (step?.parent === undefined) return;
    const { dropsEmpty } = this.#rules;
    const rules: EngineRules = { text: from.row.instruction, shell: [], dropsEmpty, volumes: [] };
    this.steps.set(step.id, { ...step, op: withRules(step.op, rules) });
  }

  #history(row: PlannedRow): PlannedRow["history"] {
    if (row.history !== undefined || !this.#rules.keepsOnbuild) return row.history;
    return { createdBy: row.row.instruction, emptyLayer: true };
  }

  #step(
    row: PlannedRow,
    scope: ChainScope,
    { parent, platform }: { readonly parent: StepId; readonly platform: Platform },
  ): Step {
    const planned = row.step === undefined ? undefined : this.#plan.steps.get(row.step);
    const worded = this.#rules.word(row, scope, planned);
    const isRun = planned?.op.type === "run";
    const rules: EngineRules = {
      text: worded.text,
      shell: withShell("", scope.config).slice(0, -1),
      ...(worded.args === undefined ? {} : { args: worded.args }),
      dropsEmpty: this.#rules.dropsEmpty,
      volumes: isRun && this.#rules.losesVolumes ? Object.keys(scope.config.Volumes ?? {}).toSorted() : [],
    };
    if (planned !== undefined) return { ...planned, op: withRules(planned.op, rules), parent };
    const { id, instruction, stageIndex, stage, ordinal, total, onbuild } = row.row;
    return {
      id: toStepId(id),
      op: { type: "config", instruction: keywordOf(row), rules },
      parent,
      reads: [],
      meta: {
        title: instruction,
        createdBy: row.effective,
        platform,
        at: row.at,
        stageIndex,
        stageName: stage ?? undefined,
        ordinal,
        total,
        onbuild,
        hiddenEnv: [],
        args: {},
      },
    };
  }
}

function withRules(op: Step["op"], rules: EngineRules): Step["op"] {
  return op.type === "image" || op.type === "scratch" ? op : { ...op, rules };
}

/** What an ARG declares and gives a value. */
export function valuedNames({ variables = [] }: PlannedRow): readonly string[] {
  return variables.flatMap(({ name, value }) => (value === undefined ? [] : [name]));
}

/** Upper case. */
export function keywordOf({ row }: PlannedRow): string {
  return (/^\s*(\w+)/.exec(row.instruction)?.[1] ?? "").toUpperCase();
}

export function isKeyword(row: PlannedRow, keyword: string): boolean {
  return keywordOf(row) === keyword;
}

/** Names that the configuration's Env sets. */
export function envNames({ Env = [] }: ContainerConfig): ReadonlySet<string> {
  return new Set(Env.map((entry) => splitVariable(entry)[0]));
}

/** The door of the brand: row ids double as step ids. */
function toStepId(text: string): StepId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row id is a step id (plan.ts)
  return text as StepId;
}
