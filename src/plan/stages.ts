import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform, parsePlatform } from "../core/platform.ts";
import { findReference, formatFamiliar } from "../core/reference.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { DockerfileAst, Instruction, StageAst } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { mountFrom } from "../dockerfile/run-mount.ts";
import { parseTrigger } from "../dockerfile/triggers.ts";
import { EnvList } from "./env-list.ts";
import { dependencyOrder } from "./stage-order.ts";
import { type Bases, givenArg, imageKey, type NeededImage, type PlanOptions } from "./types.ts";

/** An instruction of a stage, its ONBUILD triggers included. */
export interface StageInstruction {
  readonly instruction: Instruction;
  readonly onbuild: boolean;
  /** Where `--from` of this COPY leads. */
  readonly from: StageSource | undefined;
  /** Where the `from` of each `--mount` of this RUN leads, in order; undefined: it has none. */
  readonly mounts: readonly (StageSource | undefined)[];
}

/** What FROM or `--from` names. */
export type StageSource =
  | { readonly type: "stage"; readonly index: number }
  | { readonly type: "image"; readonly name: string; readonly platform: Platform; readonly at: SourceRange }
  | { readonly type: "scratch" }
  /** The files of a named context. */
  | { readonly type: "context"; readonly name: string };

export interface StageNode {
  readonly ast: StageAst;
  readonly name: string | undefined;
  readonly platform: Platform;
  /** FROM carried a --platform. */
  readonly explicitPlatform: boolean;
  readonly base: StageSource;
  readonly instructions: readonly StageInstruction[];
  readonly needed: boolean;
}

export interface StageGraph {
  readonly nodes: readonly StageNode[];
  readonly target: number;
  readonly globalArgs: EnvList;
  /** Images that must be found before the plan can go on; empty: the graph is complete. */
  readonly missing: readonly NeededImage[];
}

/**
 * Names, bases and who reads whom, with unneeded stages marked. Pure: where an image that is not in `bases` is needed, it
 * is listed in `missing`; call again with it found (ONBUILD triggers of a base may name more).
 */
export function buildStageGraph(ast: DockerfileAst, options: PlanOptions, bases: Bases): StageGraph {
  if (ast.stages.length === 0) {
    throw new BuildError("plan/no-stage", "the Dockerfile contains no stage to build", {
      hint: "Begin it with FROM: a base image, or scratch.",
    });
  }
  const globalArgs = readGlobalArgs(ast, options);
  const heads = ast.stages.map((stage) => readHead(stage, ast, { options, globalArgs }));
  const byName = stageNames(heads);
  const linked = withInherited(linkBases(heads, { options, byName }));
  const target = findTarget(options.target, linked, byName);
  const context = { ast, options, bases, byName, linked };
  const nodes = linked.map((head) => ({ ...head, instructions: linkInstructions(head, context) }));
  const needed =
    options.allStages === true
      ? new Set(nodes.keys())
      : new Set([
          ...reach(nodes, target),
          ...(options.everyStage === true ? nodes.slice(0, target).keys() : []),
        ]);
  refuseCycles(nodes, target);
  return {
    nodes: nodes.map((node, index) => ({ ...node, needed: needed.has(index) })),
    target,
    globalArgs,
    missing: missingImages(nodes, needed, bases),
  };
}

interface StageHead {
  readonly ast: StageAst;
  readonly name: string | undefined;
  readonly baseName: string;
  readonly platform: Platform;
  readonly explicitPlatform: boolean;
}

/** The predefined ARGs and those above the first FROM: what FROM may name. Throws dockerfile/bad-expansion. */
export function readGlobalArgs(ast: DockerfileAst, options: PlanOptions): EnvList {
  const { platform, buildPlatform, buildArgs } = options;
  const targetName = options.target ?? ast.stages.at(-1)?.from.stageName ?? "";
  const builtin: readonly (readonly [string, string])[] = [
    ["BUILDPLATFORM", formatPlatform(buildPlatform)],
    ["BUILDOS", buildPlatform.os],
    ["BUILDOSVERSION", ""],
    ["BUILDARCH", buildPlatform.architecture],
    ["BUILDVARIANT", buildPlatform.variant ?? ""],
    ["TARGETPLATFORM", formatPlatform(platform)],
    ["TARGETOS", platform.os],
    ["TARGETOSVERSION", ""],
    ["TARGETARCH", platform.architecture],
    ["TARGETVARIANT", platform.variant ?? ""],
    ["TARGETSTAGE", targetName === "" ? "default" : targetName],
  ];
  let args = builtin.reduce(
    (list, [name, value]) => list.set(name, givenArg(buildArgs, name) ?? value),
    new EnvList(),
  );
  for (const instruction of ast.metaArgs) {
    for (const { key, value } of instruction.args) {
      const given = givenArg(buildArgs, key);
      const scope = args;
      const resolved =
        given ?? (value === undefined ? undefined : expand(value, scope, { ast, at: instruction.at }));
      if (resolved !== undefined) args = args.set(key, resolved);
    }
  }
  return args;
}

/** Expansion of one word; errors point at the instruction. */
export function expand(
  word: string,
  scope: EnvList,
  where: { readonly ast: DockerfileAst; readonly at: SourceRange },
): string {
  try {
    return expandWord(word, (name) => scope.get(name), { escape: where.ast.escape }).value;
  } catch (error) {
    throw error instanceof BuildError ? error.with({ at: where.at }) : error;
  }
}

function readHead(
  stage: StageAst,
  ast: DockerfileAst,
  { options, globalArgs }: { readonly options: PlanOptions; readonly globalArgs: EnvList },
): StageHead {
  const { from } = stage;
  const where = { ast, at: from.at };
  const baseName = expand(from.base, globalArgs, where);
  if (baseName === "") {
    throw new BuildError("plan/bad-base-name", `the base name "${from.base}" is blank after expansion`, {
      at: from.at,
      hint: `Give the ARG a default before FROM, or pass it with --build-arg.`,
    });
  }
  const written = from.platform === undefined ? undefined : expand(from.platform, globalArgs, where);
  const platform = written === undefined ? options.platform : parsePlatform(written, options.buildPlatform);
  if (platform === undefined) {
    throw new BuildError("plan/platform", `"${written}" is not a platform`, {
      at: from.at,
      hint: "A platform reads os/architecture[/variant], such as linux/arm64.",
    });
  }
  return { ast: stage, name: from.stageName, baseName, platform, explicitPlatform: written !== undefined };
}

/** Last stage of a name wins for --from and --target. */
function stageNames(heads: readonly StageHead[]): Map<string, number> {
  const names = new Map<string, number>();
  heads.forEach((head, index) => {
    if (head.name !== undefined) names.set(head.name.toLowerCase(), index);
  });
  return names;
}

/** FROM sees only the stages above it; of two with one name, the nearer. */
function linkBases(
  heads: readonly StageHead[],
  named: Named,
): (StageHead & { readonly base: StageSource })[] {
  const above = new Map<string, number>();
  return heads.map((head, index) => {
    const base = linkBase(head, above.get(head.baseName.toLowerCase()), named);
    if (head.name !== undefined) above.set(head.name.toLowerCase(), index);
    return { ...head, base };
  });
}

function linkBase(head: StageHead, index: number | undefined, named: Named): StageSource {
  const { at } = head.ast.from;
  const context = namedSource(head.baseName, { ...named, platform: head.platform, at });
  if (context !== undefined) return context;
  if (index !== undefined) return { type: "stage", index };
  if (head.baseName === "scratch") return { type: "scratch" };
  return { type: "image", name: head.baseName, platform: head.platform, at: head.ast.from.at };
}

/** A stage that is FROM another runs as that one does (BuildKit: dockerfile2llb, dispatchState.platform). */
function withInherited<T extends StageHead & { readonly base: StageSource }>(heads: readonly T[]): T[] {
  const done: T[] = [];
  for (const head of heads) {
    const below = head.base.type === "stage" ? done[head.base.index] : undefined;
    done.push(below === undefined ? head : { ...head, platform: below.platform });
  }
  return done;
}

interface Named {
  readonly options: PlanOptions;
  readonly byName: ReadonlyMap<string, number>;
}

/** What --build-context makes of a name; undefined: nothing, it means what it says. Tools that mount from a name ask here too. */
export function namedSource(
  name: string,
  how: Named & { readonly platform: Platform; readonly at: SourceRange },
): StageSource | undefined {
  const key = contextKey(name);
  const context = key === undefined ? undefined : how.options.contexts?.get(key);
  if (context === undefined || key === undefined) return undefined;
  if (context.type === "folder") return { type: "context", name: key };
  if (context.type === "image")
    return { type: "image", name: context.name, platform: how.platform, at: how.at };
  const index = how.byName.get(context.name.toLowerCase());
  if (index !== undefined) return { type: "stage", index };
  throw new BuildError(
    "plan/unknown-stage",
    `--build-context ${key}=target:${context.name}: there is no such stage`,
    {
      at: how.at,
      hint: "Name a stage of this Dockerfile.",
    },
  );
}

/** `docker.io/library/alpine:latest` and `alpine` are one name, as buildx has it; undefined for what is no image name. */
export function contextKey(name: string): string | undefined {
  const reference = findReference(name);
  return reference === undefined ? undefined : formatFamiliar(reference).replace(/:latest$/, "");
}

function findTarget(
  name: string | undefined,
  heads: readonly StageHead[],
  byName: ReadonlyMap<string, number>,
): number {
  if (name === undefined || name === "") return heads.length - 1;
  // By name alone: BuildKit refuses a number, as the recorded builds show.
  const index = byName.get(name.toLowerCase());
  if (index !== undefined) return index;
  const known = heads.flatMap((head) => (head.name === undefined ? [] : [head.name]));
  throw new BuildError("plan/unknown-stage", `the target stage "${name}" is not in the Dockerfile`, {
    hint:
      known.length > 0
        ? `Stages with a name: ${known.join(", ")}.`
        : "No stage has a name; write FROM … AS name.",
  });
}

interface LinkContext {
  readonly ast: DockerfileAst;
  readonly options: PlanOptions;
  readonly bases: Bases;
  readonly byName: ReadonlyMap<string, number>;
  readonly linked: readonly (StageHead & { readonly base: StageSource })[];
}

function linkInstructions(
  head: StageHead & { readonly base: StageSource },
  context: LinkContext,
): StageInstruction[] {
  const triggers = triggersOf(head, context).map((text) => ({
    instruction: parseTrigger(text, head.ast.from.at),
    onbuild: true,
  }));
  const own = head.ast.instructions.map((instruction) => ({ instruction, onbuild: false }));
  return [...triggers, ...own].map(({ instruction, onbuild }) => ({
    instruction,
    onbuild,
    from: linkFrom(instruction, context),
    mounts: linkMounts(instruction, context),
  }));
}

/** ONBUILD triggers of what the stage stands on: an image's config, or the ONBUILDs written in the stage it is FROM. */
function triggersOf(
  head: StageHead & { readonly base: StageSource },
  context: LinkContext,
): readonly string[] {
  const { base } = head;
  if (base.type === "image") {
    return context.bases.get(imageKey(base.name, base.platform))?.config.config.OnBuild ?? [];
  }
  if (base.type === "scratch" || base.type === "context") return [];
  return (
    context.linked[base.index]?.ast.instructions.flatMap((i) => (i.type === "ONBUILD" ? [i.trigger] : [])) ??
    []
  );
}

function linkFrom(instruction: Instruction, context: LinkContext): StageSource | undefined {
  if (instruction.type !== "COPY") return undefined;
  const flag = instruction.flags.find((f) => f.name === "from");
  return flag?.value === undefined ? undefined : linkName(flag.value, flag.at, context);
}

/** RUN: the stages and images its mounts read, used or not (BuildKit: convert_runmount.go, detectRunMount). */
function linkMounts(instruction: Instruction, context: LinkContext): StageInstruction["mounts"] {
  if (instruction.type !== "RUN") return [];
  const mounts = instruction.flags.filter((flag) => flag.name === "mount");
  return mounts.map((flag) => linkName(mountFrom(flag.value ?? "") ?? "", flag.at, context));
}

function linkName(name: string, at: SourceRange, context: LinkContext): StageSource | undefined {
  if (name === "") return undefined;
  if (/^[+-]?\d+$/.test(name)) return stageByNumber(Number(name), { at, context });
  const { options, byName } = context;
  const named = namedSource(name, { options, byName, platform: options.platform, at });
  if (named !== undefined) return named;
  const index = context.byName.get(name.toLowerCase());
  if (index !== undefined) return { type: "stage", index };
  if (expand(name, new EnvList(), { ast: context.ast, at }) !== name) {
    throw new BuildError("dockerfile/bad-flag", "--from takes no variables", {
      at,
      hint: "Name a stage instead: ARG X above the first FROM, then FROM $X AS name, and --from=name.",
    });
  }
  if (name === "scratch") return { type: "scratch" };
  return { type: "image", name, platform: context.options.platform, at };
}

function stageByNumber(
  index: number,
  where: { readonly at: SourceRange; readonly context: LinkContext },
): StageSource {
  const count = where.context.linked.length;
  if (index >= 0 && index < count) return { type: "stage", index };
  throw new BuildError("plan/unknown-stage", `there is no stage ${index}`, {
    at: where.at,
    hint: count === 1 ? "The Dockerfile has one stage, 0." : `The stages are 0 to ${count - 1}.`,
  });
}

type Linked = Pick<StageNode, "base" | "instructions" | "ast">;

/** What a stage stands on and all that its instructions read. */
export function sourcesOf(node: Linked): StageSource[] {
  const named = node.instructions.flatMap(({ from, mounts }) => [from, ...mounts]);
  return [node.base, ...named.filter((source) => source !== undefined)];
}

/** The stages that a stage reads: the one it is FROM first. */
export function dependencies(node: Linked): number[] {
  return sourcesOf(node).flatMap((source) => (source.type === "stage" ? [source.index] : []));
}

function reach(nodes: readonly Linked[], target: number): Set<number> {
  const seen = new Set<number>();
  const open = [target];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const node = nodes[index];
    if (node === undefined || seen.has(index)) continue;
    seen.add(index);
    open.push(...dependencies(node));
  }
  return seen;
}

function refuseCycles(nodes: readonly Linked[], target: number): void {
  const readsOf = (index: number) => {
    const node = nodes[index];
    return node === undefined ? [] : dependencies(node);
  };
  // Unneeded stages may not be circular either: BuildKit refuses them as written.
  dependencyOrder([target, ...nodes.keys()], readsOf, (circle) => {
    const names = circle.map((index) => nodes[index]?.ast.from.stageName ?? String(index));
    throw new BuildError("plan/circular", `the stages need each other in a circle: ${names.join(" → ")}`, {
      at: nodes[circle[0] ?? 0]?.ast.from.at,
      hint: "Move what both need into a stage of its own.",
    });
  });
}

function missingImages(nodes: readonly Linked[], needed: ReadonlySet<number>, bases: Bases): NeededImage[] {
  const missing = new Map<string, NeededImage>();
  nodes.forEach((node, index) => {
    if (!needed.has(index)) return;
    for (const source of sourcesOf(node)) {
      if (source.type !== "image") continue;
      const key = imageKey(source.name, source.platform);
      if (!bases.has(key) && !missing.has(key)) {
        missing.set(key, { name: source.name, platform: source.platform, at: source.at });
      }
    }
  });
  return [...missing.values()];
}
