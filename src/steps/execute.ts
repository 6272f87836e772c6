import { BuildError } from "../core/errors.ts";
import type { PackEntry } from "../core/ports.ts";
import type { CopyOp, RunOp, Step } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { runCopy } from "../snapshot/copy-step.ts";
import { runWorkdir } from "../snapshot/workdir-step.ts";
import type { Executed, StepInputs } from "../solver/types.ts";
import { placeOf } from "./place-of.ts";
import { type RunTools, runCommand } from "./run-step.ts";
import { sourceTree } from "./source-tree.ts";

export interface StepTools extends RunTools {
  readonly nowMs: () => number;
}

/** Does the work of one step: its layer is packed, in the store, and on top of the snapshot that comes back. */
export async function executeStep(
  step: Step,
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { op } = step;
  try {
    switch (op.type) {
      case "workdir": {
        const { snapshot } = requireParent(inputs);
        const below = op.user === "" ? tools.book.view(snapshot) : await tools.book.readable(snapshot);
        const warn = (text: string) => tools.emit({ type: "note", level: "warning", text });
        const view = runWorkdir(op, below, { nowSeconds: seconds(tools), warn });
        return await tools.book.add(snapshot, view.entries(), signal);
      }
      case "copy":
        return await copy(op, inputs, tools, signal);
      case "run":
        return await run({ ...step, op }, inputs, tools, signal);
      case "image":
      case "scratch":
        throw new Error(`${op.type} is not executed`);
      default:
        return unreachable(op);
    }
  } catch (cause) {
    const error = tools.fullDisk(cause) ?? cause;
    throw error instanceof BuildError ? error.with({ at: step.meta.at, step: placeOf(step) }) : error;
  }
}

async function copy(
  op: CopyOp,
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { snapshot } = requireParent(inputs);
  const from = await sourceTree(op, inputs, tools);
  const below = op.chown === undefined ? tools.book.view(snapshot) : await tools.book.readable(snapshot);
  return await tools.book.add(snapshot, runCopy(op, { from, below }, seconds(tools)).entries(), signal);
}

async function run(
  step: Step & { readonly op: RunOp },
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { snapshot } = requireParent(inputs);
  await using ran = await runCommand(step, { ...inputs, snapshot }, tools, signal);
  const changes: Iterable<PackEntry> = ran.changes();
  const executed = await tools.book.add(snapshot, changes, signal);
  ran.workspace.keepAs(executed.layer);
  return executed;
}

function requireParent(inputs: StepInputs): NonNullable<StepInputs["parent"]> {
  if (inputs.parent === undefined) throw new Error("a step without a parent");
  return inputs.parent;
}

function seconds(tools: StepTools): number {
  return Math.floor(tools.nowMs() / 1000);
}
