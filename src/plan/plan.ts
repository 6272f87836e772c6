import type { RowPlan } from "../core/events.ts";
import type { ContainerConfig, HistoryEntry, ImageConfig } from "../core/image.ts";
import type { Op, Step, StepId } from "../core/step.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { proxyEnv, unusedBuildArgs } from "./build-args.ts";
import { lowerInstruction } from "./lower.ts";
import type { LowerContext, Lowered } from "./lowering.ts";
import { dependencyOrder } from "./stage-order.ts";
import { rowsOf } from "./stage-rows.ts";
import { initialState, type StageState } from "./stage-state.ts";
import {
  dependencies,
  type StageGraph,
  type StageInstruction,
  type StageNode,
  type StageSource,
} from "./stages.ts";
import {
  type Bases,
  type BuildPlan,
  imageKey,
  NO_RUN_OPTIONS,
  type PlannedRow,
  type PlanOptions,
  type ResolvedBase,
  type StagePlan,
} from "./types.ts";

/** The step graph of a complete stage graph (its `missing` is empty). Pure. */
export function planBuild(
  ast: DockerfileAst,
  graph: StageGraph,
  options: PlanOptions,
  bases: Bases,
): BuildPlan {
  const planner = new Planner(ast, graph, options, bases);
  for (const index of inDependencyOrder(graph)) planner.planStage(index);
  return planner.finish();
}

/** Stages before those that read them. */
function inDependencyOrder(graph: StageGraph): number[] {
  const readsOf = (index: number) => {
    const node = graph.nodes[index];
    return node === undefined ? [] : dependencies(node);
  };
  const needed = [...graph.nodes.keys()].filter((index) => graph.nodes[index]?.needed === true);
  return dependencyOrder([graph.target, ...needed], readsOf);
}

class Planner {
  readonly #ast: DockerfileAst;
  readonly #graph: StageGraph;
  readonly #options: PlanOptions;
  readonly #bases: Bases;
  readonly #steps = new Map<StepId, Step>();
  readonly #stages = new Map<number, StagePlan>();
  readonly #states = new Map<number, StageState>();

  constructor(ast: DockerfileAst, graph: StageGraph, options: PlanOptions, bases: Bases) {
    this.#ast = ast;
    this.#graph = graph;
    this.#options = options;
    this.#bases = bases;
  }

  planStage(index: number): void {
    const node = this.#node(index);
    const base = this.#base(node);
    const rowPlans = rowsOf(node);
    const fromRow = rowPlans[0];
    if (fromRow === undefined) throw new Error("a stage without a FROM row");
    let state = base.state ?? initialState(base.config, base.author, this.#addBase(node, base, fromRow));
    const rows: PlannedRow[] = [
      {
        row: fromRow,
        at: node.ast.from.at,
        history:
          node.base.type === "context"
            ? { createdBy: `FROM ${node.base.name}`, emptyLayer: false }
            : undefined,
        step: base.state === undefined ? state.step : undefined,
        effective: fromRow.instruction,
        config: state.config,
        base: node.base.type === "image" ? node.base.name : undefined,
        variables: this.#graph.globalArgs.entries().map(([name, value]) => ({ name, value })),
      },
    ];
    node.instructions.forEach((item, i) => {
      const row = rowPlans[i + 1];
      if (row === undefined) throw new Error("an instruction without a row");
      const lowered = lowerInstruction(item, state, this.#context());
      const planned = this.#addRow(item, row, { lowered, state, node });
      state = planned.state;
      rows.push(planned.row);
    });
    this.#states.set(index, state);
    this.#stages.set(index, {
      index,
      name: node.name,
      platform: node.platform,
      rows,
      result: state.step,
      config: index === this.#graph.target ? withLabels(state.config, this.#options.labels) : state.config,
      author: state.author,
      base: base.image,
      baseHistory: base.history,
      fromStage: node.base.type === "stage" ? node.base.index : undefined,
    });
  }

  finish(): BuildPlan {
    const target = this.#stages.get(this.#graph.target);
    if (target === undefined) throw new Error("the target was not planned");
    return {
      stages: this.#stages,
      target,
      steps: this.#steps,
      rows: this.#graph.nodes.flatMap((node) => rowsOf(node)),
      unusedBuildArgs: unusedBuildArgs(this.#graph, this.#options),
    };
  }

  #node(index: number): StageNode {
    const node = this.#graph.nodes[index];
    if (node === undefined) throw new Error(`no stage ${index}`);
    return node;
  }

  #base(node: StageNode): StageBase {
    const { base } = node;
    if (base.type === "stage") {
      const stage = this.#stages.get(base.index);
      const state = this.#states.get(base.index);
      if (stage === undefined || state === undefined) throw new Error("a stage was planned before its base");
      const { OnBuild: _spent, ...config } = state.config;
      return {
        state: { ...state, config, cmdSet: false },
        config: state.config,
        author: state.author,
        image: stage.base,
        history: [],
      };
    }
    if (base.type === "scratch" || base.type === "context")
      return { config: { WorkingDir: "/" }, author: undefined, image: undefined, history: [] };
    const found = this.#image(base);
    const { author, config, history } = found.config;
    return { config, author, image: found.config, history, resolved: found };
  }

  #image(source: Extract<StageSource, { type: "image" }>): ResolvedBase {
    const found = this.#bases.get(imageKey(source.name, source.platform));
    if (found === undefined) throw new Error(`${source.name} was planned before it was found`);
    return found;
  }

  #addBase(node: StageNode, base: StageBase, row: RowPlan): StepId {
    if (node.base.type === "context") return this.#addFolder(node, node.base.name, row);
    const op: Op =
      base.resolved === undefined
        ? { type: "scratch" }
        : { type: "image", image: base.resolved.image, platform: node.platform };
    return this.#addStep(row, {
      op,
      parent: undefined,
      reads: [],
      createdBy: "",
      at: node.ast.from.at,
      state: undefined,
    });
  }

  /** FROM a named folder: its files, on nothing. */
  #addFolder(node: StageNode, name: string, row: RowPlan): StepId {
    return this.#addStep(row, {
      op: {
        type: "copy",
        instruction: "COPY",
        from: { type: "context", name },
        sources: ["."],
        dest: "/",
      },
      parent: this.#sourceStep({ type: "scratch" }),
      reads: [],
      createdBy: `FROM ${name}`,
      at: node.ast.from.at,
      state: undefined,
    });
  }

  #addRow(
    item: StageInstruction,
    row: RowPlan,
    {
      lowered,
      state,
      node,
    }: { readonly lowered: Lowered; readonly state: StageState; readonly node: StageNode },
  ): { readonly row: PlannedRow; readonly state: StageState } {
    const at = item.onbuild ? node.ast.from.at : item.instruction.at;
    const { op, createdBy, variables, spelled, cacheMounts } = lowered;
    const history = createdBy === undefined ? undefined : { createdBy, emptyLayer: op === undefined };
    const effective = createdBy ?? row.instruction;
    const shared = { row, at, history, effective, spelled, config: lowered.state.config };
    if (op === undefined) {
      return { row: { ...shared, step: undefined, variables }, state: lowered.state };
    }
    const step = this.#addStep(row, {
      op,
      parent: state.step,
      reads: lowered.reads ?? [],
      cacheMounts,
      createdBy: createdBy ?? "",
      at,
      state,
    });
    return { row: { ...shared, step }, state: { ...lowered.state, step } };
  }

  #addStep(
    row: RowPlan,
    step: Pick<Step, "op" | "parent" | "reads"> & {
      readonly createdBy: string;
      readonly at: Step["meta"]["at"];
      readonly state: StageState | undefined;
      readonly cacheMounts?: Step["meta"]["cacheMounts"];
    },
  ): StepId {
    const id = toStepId(row.id);
    const { op, parent, reads, createdBy, at, state } = step;
    const { platform } = this.#node(row.stageIndex);
    const args = Object.fromEntries(
      (state?.args ?? []).flatMap(({ key }) => {
        const value = state?.env.get(key);
        return value === undefined ? [] : [[key, value]];
      }),
    );
    this.#steps.set(id, {
      id,
      op,
      parent,
      reads,
      meta: {
        title: row.instruction,
        createdBy,
        at,
        stageIndex: row.stageIndex,
        stageName: row.stage ?? undefined,
        ordinal: row.ordinal,
        total: row.total,
        onbuild: row.onbuild,
        platform,
        hiddenEnv: op.type === "run" ? this.#context().hiddenEnv : [],
        args,
        ...(step.cacheMounts === undefined ? {} : { cacheMounts: step.cacheMounts }),
      },
    });
    return id;
  }

  #context(): LowerContext {
    return {
      ast: this.#ast,
      buildArgs: this.#options.buildArgs,
      globalArgs: this.#graph.globalArgs,
      network: this.#options.network,
      run: this.#options.run ?? NO_RUN_OPTIONS,
      hiddenEnv: proxyEnv(this.#options.buildArgs),
      sourceStep: (source) => (source === undefined ? undefined : this.#sourceStep(source)),
    };
  }

  /** A stage's result; for an image or scratch named by --from, a step of its own, shared by all that name it. */
  #sourceStep(source: StageSource): StepId {
    if (source.type === "stage") {
      const stage = this.#stages.get(source.index);
      if (stage === undefined) throw new Error("a --from was planned before its stage");
      return stage.result;
    }
    const op: Op =
      source.type !== "image"
        ? { type: "scratch" }
        : { type: "image", image: this.#image(source).image, platform: source.platform };
    const id = toStepId(op.type === "image" ? `from.${op.image}` : "from.scratch");
    if (!this.#steps.has(id)) {
      const at = source.type === "image" ? source.at : this.#node(this.#graph.target).ast.from.at;
      this.#steps.set(id, {
        id,
        op,
        parent: undefined,
        reads: [],
        meta: {
          title: source.type === "image" ? `FROM ${source.name}` : "FROM scratch",
          createdBy: "",
          at,
          stageIndex: -1,
          stageName: undefined,
          ordinal: 0,
          total: 0,
          onbuild: false,
          platform: this.#options.platform,
          hiddenEnv: [],
          args: {},
        },
      });
    }
    return id;
  }
}

interface StageBase {
  /** Of the stage it is FROM; undefined for images and scratch. */
  readonly state?: StageState;
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  readonly image: ImageConfig | undefined;
  readonly history: readonly HistoryEntry[];
  readonly resolved?: ResolvedBase;
}

/** The door of the brand: row ids double as step ids. */
function toStepId(text: string): StepId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one door of the brand
  return text as StepId;
}

function withLabels(config: ContainerConfig, labels: Readonly<Record<string, string>>): ContainerConfig {
  if (Object.keys(labels).length === 0) return config;
  return { ...config, Labels: { ...config.Labels, ...labels } };
}
