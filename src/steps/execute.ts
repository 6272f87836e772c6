import type { BytePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { PackEntry } from "../core/ports.ts";
import type { CopyOp, RunOp, Step } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { type RemoteFiles, runCopy } from "../snapshot/copy-step.ts";
import type { Archive } from "../snapshot/unpack.ts";
import { runWorkdir } from "../snapshot/workdir-step.ts";
import type { Executed, StepInputs } from "../solver/types.ts";
import type { LayerBook } from "./layer-book.ts";
import { openArchive, openArchives, type Scratch } from "./open-archives.ts";
import { placeOf } from "./place-of.ts";
import type { RemoteTools } from "./remote-tools.ts";
import { type RunTools, runCommand } from "./run-step.ts";
import { sourceTree } from "./source-tree.ts";

export interface StepTools extends RunTools {
  readonly book: LayerBook;
  readonly context: (name: string) => Promise<FileTree>;
  readonly nowMs: () => number;
  readonly remotes: RemoteTools;
  /** Room for files that are gone once it is disposed. */
  readonly scratch: () => Scratch;
}

const NO_ARCHIVES: ReadonlyMap<BytePath, Archive> = new Map();

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
        return await copy({ ...step, op }, inputs, tools, signal);
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
  step: Step & { readonly op: CopyOp },
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { op } = step;
  const { snapshot } = requireParent(inputs);
  const from = await sourceTree(op, inputs, tools);
  using scratch = tools.scratch();
  using opened = new DisposableStack();
  const archives = op.unpack === true ? await openArchives(op, from, { scratch, signal }) : NO_ARCHIVES;
  const remotes: RemoteFiles[] = [];
  for (const remote of op.remotes ?? []) {
    const { tree, path } = opened.use(await tools.remotes.open(remote, { scratch, row: step.id }));
    const unpack = remote.type === "http" && remote.unpack;
    const archive = unpack ? await openArchive(tree, path, { scratch, signal }) : undefined;
    remotes.push({ at: remote.at, tree, path, archive });
  }
  // Accounts are read for --chown; files, where a hard link of an archive may name one.
  const reads = op.chown !== undefined || archives.size > 0 || remotes.length > 0;
  const below = reads ? await tools.book.readable(snapshot) : tools.book.view(snapshot);
  const view = runCopy(op, { from, below, archives, remotes }, seconds(tools));
  return await tools.book.add(snapshot, view.entries(), signal);
}

async function run(
  step: Step & { readonly op: RunOp },
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { snapshot } = requireParent(inputs);
  await using ran = await runCommand(step, snapshot, tools, signal);
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
