import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { SourceRange, SourceText } from "../core/source-range.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { type CheckSettings, checkSettings, DEFAULT_SETTINGS, unknownRules } from "../lint/check-settings.ts";
import { lintDocument, outlineDocument, targetsDocument } from "../lint/documents.ts";
import type { Finding } from "../lint/finding-list.ts";
import { Lint, lintBeginning } from "../lint/lint.ts";
import { type Outline, outlineOf } from "../lint/outline.ts";
import { docsOf, RULES } from "../lint/rules.ts";
import { listTargets, type Target } from "../lint/targets.ts";
import { planBuild } from "../plan/plan.ts";
import type { PlanOptions } from "../plan/types.ts";
import { violations } from "./check-build.ts";
import { focusError } from "./focus-error.ts";
import { type LookUpHow, lookUpBases } from "./look-up-bases.ts";
import { type BuildSource, openSource } from "./open-source.ts";
import { toPlanOptions } from "./plan-options.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/** What can be asked of a Dockerfile instead of building it. */
export type CallMethod = "check" | "outline" | "targets";

/** The answer for a person, and `document`, the same for tools in BuildKit's shape. `notes` say what could not be looked at. */
export type CallAnswer = {
  readonly source: SourceText;
  readonly document: object;
  readonly notes: readonly string[];
} & (
  | {
      readonly method: "check";
      readonly findings: readonly CheckedFinding[];
      readonly error: BuildError | undefined;
    }
  | { readonly method: "outline"; readonly outline: Outline }
  | { readonly method: "targets"; readonly targets: readonly Target[] }
);

export interface CheckedFinding {
  readonly rule: string;
  readonly message: string;
  readonly description: string;
  readonly docs: string;
  readonly at: SourceRange;
}

export interface CallTools {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  /** Called once the Dockerfile is read: errors point into it. */
  readonly knowsSource: (source: SourceText) => void;
}

/** Reads and plans, runs and writes nothing. Rejects with a BuildError, but for the errors that a check is there to find. */
export async function callDockerfile(
  method: CallMethod,
  options: BuildOptions,
  { shop, emit, knowsSource }: CallTools,
): Promise<CallAnswer> {
  const signal = options.signal ?? new AbortController().signal;
  using source = await openSource(options, shop, { emit, signal });
  const text = source.dockerfile;
  knowsSource(text);
  if (method === "targets") {
    const targets = listTargets(parseDockerfile(text));
    return { method, source: text, targets, document: targetsDocument(targets, text), notes: [] };
  }
  const how = { shop, emit, signal, pull: options.pull === true };
  const planOptions = toPlanOptions(options);
  if (method === "check") return await check(source, planOptions, how);
  const ast = parseDockerfile(text);
  const { graph, bases, notes } = await lookUpBases(ast, planOptions, how);
  const outline = outlineOf({ ast, graph, bases, buildArgs: planOptions.buildArgs });
  return { method, source: text, outline, document: outlineDocument(outline, text), notes };
}

async function check(source: BuildSource, options: PlanOptions, how: LookUpHow): Promise<CallAnswer> {
  const text = source.dockerfile;
  const { findings, error: broad, notes } = await lintSource(source, options, how);
  const focused = await focusError(broad, text);
  const error = focused instanceof BuildError ? focused : undefined;
  return {
    method: "check",
    source: text,
    findings: findings.map(({ rule, detail, at }) => ({
      rule,
      message: detail,
      description: RULES[rule].description,
      docs: docsOf(rule),
      at,
    })),
    error,
    document: lintDocument(findings, text, error),
    notes,
  };
}

interface Linted {
  readonly findings: readonly Finding[];
  readonly error?: BuildError | undefined;
  readonly notes: readonly string[];
}

/** What a build would end with is the last finding. */
async function lintSource(source: BuildSource, options: PlanOptions, how: LookUpHow): Promise<Linted> {
  const read = readSource(source.dockerfile);
  if (!("ast" in read)) return { ...lintRest(read.beginning, options), error: read.error, notes: [] };
  const { ast } = read;
  const settings = readSettings(ast, options);
  if (settings instanceof BuildError) return { findings: [], error: settings, notes: [] };
  const lint = new Lint(ast, options, settings);
  const notes = unknownRules(settings);
  try {
    // Without a target every stage is checked, reached or not (BuildKit: DockerfileLint).
    const allStages = (options.target ?? "") === "";
    const found = await lookUpBases(ast, { ...options, allStages }, how);
    notes.push(...found.notes);
    const { graph, bases } = found;
    lint.checkStages({ ast, graph, bases, buildArgs: options.buildArgs, isIgnored: source.isIgnored });
    planBuild(ast, graph, options, found.all);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code === "cli/canceled") throw error;
    return { findings: lint.findings(), error, notes };
  }
  const findings = lint.findings();
  return { findings, error: violations(findings, settings), notes };
}

/** The file, or, where it cannot be read to its end, what stands above the error. */
function readSource(
  source: SourceText,
):
  | { readonly ast: DockerfileAst }
  | { readonly beginning: DockerfileAst | undefined; readonly error: BuildError } {
  try {
    return { ast: parseDockerfile(source) };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const { at } = error.details;
    return { beginning: at === undefined ? undefined : readLines(source, at.line - 1), error };
  }
}

function readLines(source: SourceText, count: number): DockerfileAst | undefined {
  const text = source.text.split("\n").slice(0, count).join("\n");
  try {
    return parseDockerfile({ ...source, text });
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function lintRest(ast: DockerfileAst | undefined, options: PlanOptions): Pick<Linted, "findings"> {
  if (ast === undefined) return { findings: [] };
  const settings = readSettings(ast, options);
  return { findings: lintBeginning(ast, settings instanceof BuildError ? DEFAULT_SETTINGS : settings) };
}

function readSettings(ast: DockerfileAst, { buildArgs }: PlanOptions): CheckSettings | BuildError {
  try {
    return checkSettings(ast, buildArgs);
  } catch (error) {
    if (error instanceof BuildError && error.code === "dockerfile/bad-directive") return error;
    throw error;
  }
}
