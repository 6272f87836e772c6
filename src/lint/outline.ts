import { isBuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { ArgInstruction, DockerfileAst, Instruction } from "../dockerfile/ast.ts";
import { csvFields } from "../dockerfile/csv-fields.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { EnvList } from "../plan/env-list.ts";
import { dependencies, type StageGraph, type StageNode } from "../plan/stages.ts";
import { type Bases, givenArg, imageKey } from "../plan/types.ts";
import { describe } from "./describe.ts";
import type { LineRange } from "./finding-list.ts";
import { StageScope } from "./stage-scope.ts";

/** What a build of one target can be given: `--call=outline`. */
export interface Outline {
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
  readonly caches: readonly Omit<OutlineMount, "isRequired">[];
}

export interface OutlineArg {
  readonly name: string;
  /** Its value in this build; empty where it has none. */
  readonly value: string;
  readonly description: string | undefined;
  readonly lines: LineRange;
}

export interface OutlineMount {
  readonly name: string;
  readonly isRequired: boolean;
  readonly lines: LineRange;
}

export interface OutlineInput {
  readonly ast: DockerfileAst;
  readonly graph: StageGraph;
  readonly bases: Bases;
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** Of the target and of every stage it needs, in the order of the file. Throws dockerfile/bad-expansion. */
export function outlineOf(input: OutlineInput): Outline {
  const { graph } = input;
  const globals = globalArgs(input);
  const parts = new Map<number, StagePart>();
  for (const node of graph.nodes) {
    if (node.needed) parts.set(node.ast.index, stagePart(node, { input, globals, parts }));
  }
  const { from } = graph.nodes[graph.target]?.ast ?? {};
  const all = fromTargetDown(graph).flatMap((index) => parts.get(index) ?? []);
  return {
    name: from?.stageName,
    description: describe(from?.stageName, from?.comments ?? []),
    args: inOrder(all.map(({ args }) => args)),
    secrets: inOrder(all.map(({ secrets }) => secrets)),
    ssh: inOrder(all.map(({ ssh }) => ssh)),
    caches: inOrder(all.map(({ caches }) => caches)),
  };
}

/** The target, what it is FROM, what it copies from, and so on below each. */
function fromTargetDown(graph: StageGraph): readonly number[] {
  const order = new Set<number>();
  const open = [graph.target];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const node = graph.nodes[index];
    if (node === undefined || order.has(index)) continue;
    order.add(index);
    open.push(...dependencies(node).toReversed());
  }
  return [...order];
}

/** Of two with one name that of the stage nearest to the target counts. */
function inOrder<T extends { readonly lines: LineRange }>(parts: readonly ReadonlyMap<string, T>[]): T[] {
  const found = new Map<string, T>();
  for (const part of parts) for (const [name, item] of part) if (!found.has(name)) found.set(name, item);
  return [...found.values()].toSorted((a, b) => a.lines.start - b.lines.start);
}

interface GlobalArg extends OutlineArg {
  /** The ARGs its default is made of. */
  readonly uses: ReadonlySet<string>;
}

interface StagePart {
  readonly scope: StageScope;
  readonly args: Map<string, OutlineArg>;
  readonly secrets: Map<string, OutlineMount>;
  readonly ssh: Map<string, OutlineMount>;
  readonly caches: Map<string, Omit<OutlineMount, "isRequired">>;
}

/** The ARGs above the first FROM, with what they are made of. */
function globalArgs({ ast, graph, buildArgs }: OutlineInput): ReadonlyMap<string, GlobalArg> {
  const found = new Map<string, GlobalArg>();
  let scope = new EnvList(new Map(graph.globalArgs.entries()));
  for (const instruction of ast.metaArgs) {
    for (const { key, value } of instruction.args) {
      const uses = new Set<string>();
      const lookup = (name: string) => {
        if (scope.get(name) !== undefined) uses.add(name);
        return scope.get(name);
      };
      const given = givenArg(buildArgs, key);
      const text = given ?? (value === undefined ? undefined : expandWord(value, lookup, ast).value);
      // An ARG made of its own earlier self is made of what that was made of.
      if (uses.delete(key)) for (const name of found.get(key)?.uses ?? []) uses.add(name);
      if (text !== undefined) scope = scope.set(key, text);
      found.set(key, { ...argOf(key, text, instruction), uses });
    }
  }
  return found;
}

function argOf(name: string, value: string | undefined, instruction: ArgInstruction): OutlineArg {
  const description = describe(name, instruction.comments);
  return { name, value: value ?? "", description, lines: linesOf(instruction.at) };
}

function linesOf(at: SourceRange): LineRange {
  return { start: at.line, end: at.endLine };
}

interface Context {
  readonly input: OutlineInput;
  readonly globals: ReadonlyMap<string, GlobalArg>;
  readonly parts: ReadonlyMap<number, StagePart>;
}

function stagePart(node: StageNode, context: Context): StagePart {
  const part: StagePart = {
    scope: startScope(node, context),
    args: new Map(),
    secrets: new Map(),
    ssh: new Map(),
    caches: new Map(),
  };
  const { from } = node.ast;
  for (const text of [from.base, from.platform ?? ""]) {
    for (const name of namesIn(text, context)) addGlobal(name, part.args, context.globals);
  }
  for (const { instruction, onbuild } of node.instructions) {
    const at = onbuild ? from.at : instruction.at;
    addInstruction({ ...instruction, at }, part, context);
  }
  return part;
}

function startScope(node: StageNode, { input, parts }: Context): StageScope {
  const { base } = node;
  const below = base.type === "stage" ? parts.get(base.index) : undefined;
  if (below !== undefined) return StageScope.onStage(below.scope);
  const found = base.type === "image" ? input.bases.get(imageKey(base.name, base.platform)) : undefined;
  const { ast, graph, buildArgs } = input;
  const sources = { escape: ast.escape, buildArgs, globalArgs: graph.globalArgs };
  return StageScope.onImage(found?.config.config, sources);
}

function namesIn(text: string, { input }: Context): ReadonlySet<string> {
  const names = new Set<string>();
  const lookup = (name: string) => {
    names.add(name);
    return input.graph.globalArgs.get(name);
  };
  expandWord(text, lookup, input.ast);
  return names;
}

function addGlobal(
  name: string,
  args: Map<string, OutlineArg>,
  globals: ReadonlyMap<string, GlobalArg>,
): void {
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const arg = globals.get(next);
    if (arg === undefined || args.has(next)) continue;
    const { uses, ...shown } = arg;
    args.set(next, shown);
    open.push(...uses);
  }
}

function addInstruction(instruction: Instruction, part: StagePart, context: Context): void {
  const { scope } = part;
  if (instruction.type === "ARG") {
    for (const { key, value } of instruction.args) {
      const declared = scope.declareArg(key, value);
      if (declared.isGlobal) addGlobal(key, part.args, context.globals);
      else part.args.set(key, argOf(key, declared.value, instruction));
    }
  } else if (instruction.type === "ENV") {
    const pairs = instruction.pairs.map((pair) => ({
      key: scope.expand(pair.key).value,
      value: scope.expand(pair.value).value,
    }));
    for (const { key, value } of pairs) scope.setEnv(key, value);
  } else if (instruction.type === "RUN") {
    const mounts = instruction.flags.filter(({ name }) => name === "mount");
    for (const { value } of mounts) addMount(value ?? "", linesOf(instruction.at), part);
  }
}

/** The id of a mount as BuildKit names it: of a secret, ssh agent or cache. The first mount of an id counts. */
function addMount(text: string, lines: LineRange, part: StagePart): void {
  const fields = mountFields(text, part.scope);
  const get = (...names: readonly string[]) => names.map((name) => fields.get(name)).find(Boolean) ?? "";
  const target = get("target", "dst", "destination");
  const isRequired = ["", "1", "t", "T", "true", "TRUE", "True"].includes(fields.get("required") ?? "no");
  const add = (found: Map<string, OutlineMount>, name: string) => {
    if (!found.has(name)) found.set(name, { name, isRequired, lines });
  };
  switch (get("type").toLowerCase()) {
    case "secret":
      return add(part.secrets, get("source", "src", "id") || (target.split("/").at(-1) ?? ""));
    case "ssh":
      return add(part.ssh, get("id") || "default");
    case "cache": {
      const name = get("id") || target;
      if (!part.caches.has(name)) part.caches.set(name, { name, lines });
      return;
    }
    default:
  }
}

/** Bare fields, `required` among them, have an empty value. */
function mountFields(text: string, scope: StageScope): ReadonlyMap<string, string> {
  return new Map(
    (csvFields(text) ?? []).map((field) => {
      const equals = field.indexOf("=");
      if (equals < 0) return [field.toLowerCase(), ""];
      return [field.slice(0, equals).toLowerCase(), expandedOr(field.slice(equals + 1), scope)];
    }),
  );
}

function expandedOr(text: string, scope: StageScope): string {
  try {
    return scope.expand(text).value;
  } catch (error) {
    if (isBuildError(error)) return text;
    throw error;
  }
}
