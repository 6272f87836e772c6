import type { Step } from "../core/step.ts";
import {
  type ChainedRow,
  type ChainRules,
  type ChainScope,
  envNames,
  isKeyword,
  valuedNames,
} from "./instruction-chain.ts";
import type { BuildPlan, PlannedRow } from "./types.ts";

/** Docker 20.10's classic builder (moby builder/dockerfile/dispatchers.go): how it words an instruction, and what it does otherwise. */
export const CLASSIC_CHAIN: ChainRules = {
  word: wordClassic,
  dropsEmpty: true,
  losesVolumes: true,
  keepsOnbuild: true,
};

/** buildah (imagebuildah/stage_executor.go, getCreatedBy): the instruction as it is written. */
export const BUILDAH_CHAIN: ChainRules = {
  word: wordBuildah,
  dropsEmpty: false,
  losesVolumes: false,
  keepsOnbuild: true,
};

function wordClassic(row: PlannedRow, scope: ChainScope, step: Step | undefined): ChainedRow {
  if (step?.op.type === "run") return { text: "", args: classicArgs(step, scope) };
  if (row.spelled !== undefined) return { text: row.spelled };
  // ONBUILD has no effective form: it is kept as written.
  return {
    text:
      row.history === undefined ? row.row.instruction.replace(/^\s*onbuild\s+/i, "ONBUILD ") : row.effective,
  };
}

/**
 * ARGs of this stage that no ENV sets, sorted. A proxy that was given and that no ARG declares leaves its mark, not its name or
 * value: `|0`.
 */
function classicArgs({ meta }: Step, scope: ChainScope): readonly string[] | undefined {
  const set = envNames(scope.config);
  const args = declaredArgs(meta.args, scope).filter(([name]) => !set.has(name));
  if (args.length === 0 && meta.hiddenEnv.length === 0) return undefined;
  return args.map(([name, value]) => `${name}=${value}`).toSorted();
}

function declaredArgs(args: Step["meta"]["args"], { declared }: ChainScope): [string, string][] {
  return Object.entries(args).filter(([name]) => declared.includes(name));
}

function wordBuildah(row: PlannedRow, scope: ChainScope, step: Step | undefined): ChainedRow {
  const { instruction } = row.row;
  if (step?.op.type === "run") {
    const args = declaredArgs(step.meta.args, scope).map(([name, value]) => `${name}=${value}`);
    const text = instruction.replace(/^\s*\w+\s/, "");
    return args.length === 0 ? { text } : { text, args: args.toSorted() };
  }
  if (step?.op.type === "copy") return { text: row.spelled ?? "" };
  if (isKeyword(row, "ARG")) return { text: `ARG ${buildahArgs(row, scope).join(" ")}` };
  return { text: instruction.trim() };
}

/** Names of all ARGs down to here that have a value; values are no part of it. */
function buildahArgs(row: PlannedRow, scope: ChainScope): readonly string[] {
  return [...new Set([...scope.declared, ...valuedNames(row)])].toSorted();
}

/** `--label`: the classic builder and buildah append a LABEL for each, in order of name. */
export function labelRows(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `LABEL ${name}=${value}`);
}

/** The classic builder's WORKDIR makes folders as root; its config names no working directory that nobody set. */
export function asClassic(plan: BuildPlan): BuildPlan {
  const steps = new Map(
    [...plan.steps].map(([id, step]) =>
      step.op.type === "workdir" ? [id, { ...step, op: { ...step.op, user: "" } }] : [id, step],
    ),
  );
  const { target } = plan;
  const isSet = target.fromStage !== undefined || target.rows.some((row) => isKeyword(row, "WORKDIR"));
  const { WorkingDir, ...config } = target.config;
  const unset = isSet || target.base !== undefined || WorkingDir !== "/" ? target : { ...target, config };
  return { ...plan, steps, target: unset, stages: new Map([...plan.stages, [unset.index, unset]]) };
}
