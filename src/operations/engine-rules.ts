import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { buildkitModel } from "../cache-key/buildkit-model.ts";
import { buildahModel, classicModel } from "../cache-key/history-models.ts";
import type { CacheModel, SourceEntry } from "../cache-key/model.ts";
import { type BytePath, compareBytes, pathBytes, ROOT_PATH } from "../core/byte-path.ts";
import type { CacheModelName } from "../core/cache-key.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { FileTree, ListingRow } from "../core/file-tree.ts";
import type { CopyOp, Step } from "../core/step.ts";
import { readXattrs } from "../host/syscalls.ts";
import { asClassic, BUILDAH_CHAIN, CLASSIC_CHAIN } from "../plan/history-words.ts";
import { chainInstructions } from "../plan/instruction-chain.ts";
import type { BuildPlan } from "../plan/types.ts";
import { sourceEntries } from "../snapshot/source-entries.ts";

/** The rules of an engine other than tsbuild: its keys, and the plan as it sees it. Loaded only for `--cache-model`. */
export interface EngineModel {
  readonly model: CacheModel;
  /** The plan under its rules. Throws `plan/model-lacks` at an instruction that the engine cannot build. */
  readonly plan: (plan: BuildPlan) => BuildPlan;
  readonly entries: (op: CopyOp, source: EntrySource) => () => Iterable<SourceEntry>;
}

export interface EntrySource {
  readonly tree: FileTree;
  readonly path: BytePath;
  /** Of a context: its folder on the disk. */
  readonly disk: string | undefined;
}

export function engineModel(name: Exclude<CacheModelName, "tsbuild">): EngineModel {
  const model = modelOf(name);
  return {
    model,
    plan: (plan) => {
      refuse(plan, model);
      if (name === "classic") return chainInstructions(asClassic(plan), CLASSIC_CHAIN);
      return name === "buildah" ? chainInstructions(plan, BUILDAH_CHAIN) : plan;
    },
    entries: (op, source) => () => listEntries(op, source, model),
  };
}

function modelOf(name: Exclude<CacheModelName, "tsbuild">): CacheModel {
  if (name === "classic") return classicModel;
  return name === "buildah" ? buildahModel : buildkitModel(name);
}

/** What the engine has no instruction for has no rule either: a made-up one would teach something wrong. */
function refuse(plan: BuildPlan, model: CacheModel): void {
  for (const step of plan.steps.values()) {
    const what = model.lacks?.(step);
    if (what !== undefined) throw lacking(step, what, model.name);
  }
}

function lacking({ meta }: Step, what: string, name: CacheModelName): BuildError {
  const isOld = name === "buildkit@20.10" || name === "classic" ? "Docker 20.10" : "buildah 1.28";
  return new BuildError(
    "plan/model-lacks",
    `--cache-model=${name} has no rule for ${what}: ${isOld} cannot build it`,
    {
      at: meta.at,
      hint: "Choose --cache-model=buildkit or tsbuild, or write the instruction without it.",
    },
  );
}

function* listEntries(
  op: CopyOp,
  { tree, path, disk }: EntrySource,
  { name, reads }: CacheModel,
): Iterable<SourceEntry> {
  // Docker's client sends the whole context: which name of an inode is the first is decided there.
  if (name === "classic" && disk !== undefined) tree.merkle(ROOT_PATH);
  else tree.merkle(path);
  for (const { path: below, at, row } of sourceEntries(op, tree, path)) {
    yield { path: below, row: reads === "on-disk" && disk !== undefined ? onDisk(row, disk, at) : row };
  }
}

/** Owner and extended attributes, which the context as Docker sends it does not have. */
function onDisk(row: ListingRow, root: string, at: BytePath): ListingRow {
  const file = Buffer.concat([Buffer.from(`${root}/`), pathBytes(at)]);
  const { uid, gid } = lstatSync(file);
  const xattrs = Object.entries(readXattrs(file) ?? {}).toSorted(([a], [b]) => compareBytes(a, b));
  return {
    ...row,
    uid,
    gid,
    ...(xattrs.length === 0 ? {} : { xattrsDigest: digestOf(JSON.stringify(xattrs)) }),
  };
}

function digestOf(text: string): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(text).digest("hex")}`);
}
