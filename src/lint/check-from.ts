import { isBuildError } from "../core/errors.ts";
import { parsePlatform } from "../core/platform.ts";
import { findReference } from "../core/reference.ts";
import type { DockerfileAst, FromInstruction } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { suggestVariable } from "../dockerfile/suggest.ts";
import { EnvList } from "../plan/env-list.ts";
import { readGlobalArgs } from "../plan/stages.ts";
import type { PlanOptions } from "../plan/types.ts";
import { type FindingList, literally } from "./finding-list.ts";
import { RULES } from "./rules.ts";
import { variable } from "./variable-pattern.ts";

/** The rules of FROM that need the ARGs above it and no image, of every stage whether it is built or not. */
export function checkFroms(ast: DockerfileAst, options: PlanOptions, list: FindingList): void {
  checkDefaults(ast, options, list);
  // Most files have no variable above their first instruction: a cached build need not work out what none of it asks for.
  const isPlain = ast.stages.every(({ from }) => from.platform === undefined && !from.base.includes("$"));
  if (isPlain) return;
  const globalArgs = unlessBroken(() => readGlobalArgs(ast, options));
  if (globalArgs === undefined) return;
  const known = new Set([
    ...globalArgs.entries().map(([name]) => name),
    ...ast.metaArgs.flatMap(({ args }) => args.map(({ key }) => key)),
  ]);
  for (const { from } of ast.stages) {
    const context = { ast, globalArgs, known, list };
    checkVariables(from, from.base, context);
    if (from.platform !== undefined) checkPlatform(from, from.platform, { ...context, options });
  }
}

interface FromContext {
  readonly ast: DockerfileAst;
  readonly globalArgs: EnvList;
  /** What FROM may name: predefined, or declared with a value or without. */
  readonly known: ReadonlySet<string>;
  readonly list: FindingList;
}

/** Names that need no grammar to be told from what is none: compiling that one costs more than all checks of a common file. */
const PLAIN_NAME = /^[a-z0-9]{1,60}(?::[a-z0-9][a-z0-9.-]{0,60})?$/;

/** Whether each base is an image name still where nobody passes build arguments. */
function checkDefaults(ast: DockerfileAst, options: PlanOptions, list: FindingList): void {
  const hasVariables = ast.stages.some(({ from }) => from.base.includes("$"));
  const defaults = hasVariables
    ? unlessBroken(() => readGlobalArgs(ast, { ...options, buildArgs: {} }))
    : new EnvList();
  if (defaults === undefined) return;
  for (const { from } of ast.stages) {
    const name = expandFrom(from.base, { ast, globalArgs: defaults })?.value;
    if (name === undefined) return;
    const { detail } = RULES.InvalidDefaultArgInFrom;
    if (!PLAIN_NAME.test(name) && findReference(name) === undefined)
      list.reportWhole("InvalidDefaultArgInFrom", detail(from.base), from, literally(from.base));
  }
}

function checkVariables(from: FromInstruction, text: string, context: FromContext) {
  const expanded = expandFrom(text, context);
  for (const name of expanded?.unmatched ?? []) {
    if (context.known.has(name)) continue;
    const near = suggestVariable(name, [...context.known]);
    const { detail } = RULES.UndefinedArgInFrom;
    context.list.report("UndefinedArgInFrom", detail(name, near), from, variable(name));
  }
  return expanded;
}

function checkPlatform(
  from: FromInstruction,
  written: string,
  context: FromContext & { readonly options: PlanOptions },
): void {
  const expanded = checkVariables(from, written, context);
  if (expanded === undefined || expanded.unmatched.length > 0) return;
  const { value, matched } = expanded;
  const { list, globalArgs, options } = context;
  if (matched.size === 1 && matched.has("TARGETPLATFORM") && value === globalArgs.get("TARGETPLATFORM")) {
    const { detail } = RULES.RedundantTargetPlatform;
    list.report("RedundantTargetPlatform", detail(written), from, PLATFORM_FLAG);
  }
  const platform = matched.size > 0 ? undefined : parsePlatform(value, options.buildPlatform);
  if (platform === undefined) return;
  const stage = from.stageName ?? "";
  if (stage.includes(platform.os) || stage.includes(platform.architecture)) return;
  const { detail } = RULES.FromPlatformFlagConstDisallowed;
  list.report("FromPlatformFlagConstDisallowed", detail(value), from, PLATFORM_FLAG);
}

const PLATFORM_FLAG = /--platform\S*/g;

/** With the names that had a value; undefined where it cannot be expanded, which the planner reports. */
function expandFrom(text: string, { ast, globalArgs }: Pick<FromContext, "ast" | "globalArgs">) {
  const matched = new Set<string>();
  const lookup = (name: string) => {
    const value = globalArgs.get(name);
    if (value !== undefined) matched.add(name);
    return value;
  };
  const expanded = unlessBroken(() => expandWord(text, lookup, { escape: ast.escape }));
  return expanded === undefined ? undefined : { ...expanded, matched };
}

/** A build reports what is wrong; a check passes it over. */
function unlessBroken<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isBuildError(error)) return undefined;
    throw error;
  }
}
