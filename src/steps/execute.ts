import { type BytePath, cleanPath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { PackEntry, SnapshotRef } from "../core/ports.ts";
import type { CopyOp, RunOp, Step, WorkdirOp } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { type RemoteFiles, runCopy } from "../snapshot/copy-step.ts";
import type { Archive } from "../snapshot/unpack.ts";
import { runWorkdir } from "../snapshot/workdir-step.ts";
import type { Executed, StepInputs } from "../solver/types.ts";
import { openArchive, openArchives, type Scratch } from "./open-archives.ts";
import { placeOf } from "./place-of.ts";
import type { RemoteTools } from "./remote-tools.ts";
import { type RunTools, runCommand } from "./run-step.ts";
import { sourceTree } from "./source-tree.ts";

export interface StepTools extends RunTools {
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
      case "config":
        return { layer: undefined, snapshot: requireParent(inputs).snapshot };
      case "workdir": {
        const { snapshot } = requireParent(inputs);
        const below = op.user === "" ? tools.book.view(snapshot) : await tools.book.readable(snapshot);
        const warn = (text: string) => tools.emit({ type: "note", level: "warning", text });
        const view = runWorkdir(op, below, { nowSeconds: seconds(tools), warn });
        return await keep(snapshot, view.entries(), { op, tools, signal });
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
  return await keep(snapshot, view.entries(), { op, tools, signal });
}

async function run(
  step: Step & { readonly op: RunOp },
  inputs: StepInputs,
  tools: StepTools,
  signal: AbortSignal,
): Promise<Executed> {
  const { snapshot } = requireParent(inputs);
  await using ran = await runCommand(step, { ...inputs, snapshot }, tools, signal);
  const volumes = step.op.rules?.volumes ?? [];
  const changes =
    volumes.length === 0 ? ran.changes() : outside(volumes, ran.changes(), tools.view(snapshot));
  const executed = await keep(snapshot, changes, { op: step.op, tools, signal });
  // A tree with files that the layer does not have is no tree of it.
  if (executed.layer !== undefined && volumes.length === 0) ran.workspace.keepAs(executed.layer);
  return executed;
}

/** Packs what a step changed; nothing where it changed nothing and its rules keep no layer for that. */
async function keep(
  snapshot: SnapshotRef,
  entries: Iterable<PackEntry>,
  how: { readonly op: CopyOp | RunOp | WorkdirOp; readonly tools: StepTools; readonly signal: AbortSignal },
): Promise<Executed> {
  if (how.op.rules?.dropsEmpty !== true) return await how.tools.book.add(snapshot, entries, how.signal);
  const iterator = entries[Symbol.iterator]();
  const first = iterator.next();
  if (first.done === true) return { layer: undefined, snapshot };
  return await how.tools.book.add(snapshot, resumed(first.value, iterator), how.signal);
}

function* resumed<T>(first: T, rest: Iterator<T>): Generator<T> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

/** What a command wrote into a volume is lost with it: all below its path, and what it did to a folder that was there. */
function* outside(
  volumes: readonly string[],
  changes: Iterable<PackEntry>,
  below: FileTree,
): Generator<PackEntry> {
  const kept: PackEntry[] = [];
  const roots = volumes.map((volume) => below.resolve(cleanPath(volume), true) ?? cleanPath(volume));
  for (const change of changes) {
    const { path } = change.entry;
    if (
      roots.some((root) => path.startsWith(`${root}/`) || (path === root && below.facts(path) !== undefined))
    )
      continue;
    kept.push(change);
  }
  // Parents of what is gone came with it only.
  yield* kept.filter(
    ({ entry }) =>
      !isBareParent(entry, below) || kept.some((other) => other.entry.path.startsWith(`${entry.path}/`)),
  );
}

function isBareParent(entry: PackEntry["entry"], below: FileTree): boolean {
  const facts = below.facts(entry.path);
  return (
    entry.kind === "dir" &&
    facts?.type === "dir" &&
    facts.mode === entry.mode &&
    facts.uid === entry.uid &&
    facts.gid === entry.gid
  );
}

function requireParent(inputs: StepInputs): NonNullable<StepInputs["parent"]> {
  if (inputs.parent === undefined) throw new Error("a step without a parent");
  return inputs.parent;
}

function seconds(tools: StepTools): number {
  return Math.floor(tools.nowMs() / 1000);
}
