import { isBuildError } from "../core/errors.ts";
import { cleanPattern } from "../core/pattern/clean.ts";
import { formatPlatform } from "../core/platform.ts";
import { unreachable } from "../core/unreachable.ts";
import type {
  ArgInstruction,
  CommandInstruction,
  CopyInstruction,
  DockerfileAst,
  EnvInstruction,
  WordsInstruction,
} from "../dockerfile/ast.ts";
import { expandWords } from "../dockerfile/expand.ts";
import { suggestVariable } from "../dockerfile/suggest.ts";
import type { StageGraph, StageInstruction, StageNode } from "../plan/stages.ts";
import { type Bases, imageKey } from "../plan/types.ts";
import { expandVariables, fileSources, variableWords } from "./expanded-words.ts";
import { readExposed } from "./exposed-ports.ts";
import { type FindingList, literally, type Subject, writtenKeyword } from "./finding-list.ts";
import { RULES } from "./rules.ts";
import { StageScope } from "./stage-scope.ts";
import { variable } from "./variable-pattern.ts";

export interface StageChecks {
  readonly ast: DockerfileAst;
  readonly graph: StageGraph;
  /** What is not in here could not be looked at: variables of stages upon it are not judged. */
  readonly bases: Bases;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Whether .dockerignore leaves out a path of the context; undefined where that cannot be told from the pattern list alone. */
  readonly isIgnored: ((path: string) => boolean) | undefined;
}

/** The rules that follow a stage from its base down, of needed stages; ONBUILD triggers are instructions of the stage they fire in. */
export function checkStages(checks: StageChecks, list: FindingList): void {
  const states = new Map<number, StageState>();
  for (const node of checks.graph.nodes) {
    if (!node.needed) continue;
    const state = startStage(node, states, { checks, list });
    states.set(node.ast.index, state);
    try {
      for (const item of node.instructions) checkInstruction(item, { node, state, checks, list });
    } catch (error) {
      // What cannot be expanded is the planner's to report, at its place.
      if (!isBuildError(error)) throw error;
    }
  }
}

/** What the instructions above have left, as far as the rules care. */
interface StageState {
  readonly scope: StageScope;
  hasShell: boolean;
  hasWorkdir: boolean;
  /** The last CMD, ENTRYPOINT and HEALTHCHECK of this very stage. */
  readonly last: Map<string, Subject>;
}

interface Place {
  readonly node: StageNode;
  readonly state: StageState;
  readonly checks: StageChecks;
  readonly list: FindingList;
}

function startStage(
  node: StageNode,
  states: ReadonlyMap<number, StageState>,
  { checks, list }: Pick<Place, "checks" | "list">,
): StageState {
  const { base } = node;
  const below = base.type === "stage" ? states.get(base.index) : undefined;
  if (below !== undefined) return { ...below, scope: StageScope.onStage(below.scope), last: new Map() };
  const sources = {
    escape: checks.ast.escape,
    buildArgs: checks.buildArgs,
    globalArgs: checks.graph.globalArgs,
  };
  const found = base.type === "image" ? checks.bases.get(imageKey(base.name, base.platform)) : undefined;
  if (found !== undefined && base.type === "image") {
    const { os, architecture } = found.config;
    if (os !== base.platform.os || architecture !== base.platform.architecture) {
      const { detail } = RULES.InvalidBaseImagePlatform;
      const text = detail(base.name, formatPlatform(base.platform), formatPlatform(found.config));
      list.reportWhole("InvalidBaseImagePlatform", text, node.ast.from, literally(node.ast.from.base));
    }
  }
  const config = base.type === "scratch" ? {} : found?.config.config;
  return {
    scope: StageScope.onImage(config, sources),
    hasShell: (config?.Shell ?? []).length > 0,
    hasWorkdir: false,
    last: new Map(),
  };
}

function checkInstruction(item: StageInstruction, place: Place): void {
  const { instruction } = item;
  const subject = subjectOf(item, place);
  const values = checkVariables(item, subject, place);
  switch (instruction.type) {
    case "ARG":
      return checkArg(instruction, subject, place);
    case "ENV":
    case "LABEL":
      return checkPairs(instruction, values, { subject, place });
    case "CMD":
    case "ENTRYPOINT":
      return checkCommand(instruction, subject, place);
    case "HEALTHCHECK":
      return checkOnlyOne(instruction.type, subject, place);
    case "SHELL":
      place.state.hasShell = instruction.shell.length > 0;
      return;
    case "WORKDIR":
      return checkWorkdir(instruction.value, values[0] ?? "", { subject, place });
    case "EXPOSE":
      return checkPorts(instruction, subject, place);
    case "COPY":
    case "ADD":
      return checkSources(instruction, item, { subject, place });
    case "RUN":
    case "VOLUME":
    case "USER":
    case "STOPSIGNAL":
    case "MAINTAINER":
    case "ONBUILD":
      return;
    default:
      return unreachable(instruction);
  }
}

/** A trigger is text from elsewhere: its place is the FROM that brought it, and no word of it stands there. */
function subjectOf({ instruction, onbuild }: StageInstruction, { node }: Place): Subject {
  return onbuild ? { at: node.ast.from.at, source: node.ast.from.source, comments: [] } : instruction;
}

/** The expanded words, with a finding for each variable that nothing defines. */
function checkVariables({ instruction }: StageInstruction, subject: Subject, place: Place): string[] {
  return variableWords(instruction).map((word) => {
    const { value, unmatched } = expandVariables(word, place.state.scope);
    reportUndefined(unmatched, subject, place);
    return value;
  });
}

/** Not judged where the base image could not be looked at: it may define them. */
function reportUndefined(names: readonly string[], subject: Subject, { state, list }: Place): void {
  const { scope } = state;
  if (!scope.isKnown) return;
  for (const name of names) {
    if (scope.isDeclared(name) || SCANNER_ARGS.includes(name)) continue;
    const near = suggestVariable(name, scope.names());
    list.report("UndefinedVar", RULES.UndefinedVar.detail(name, near), subject, variable(name));
  }
}

/** Read by BuildKit itself and never in the environment. */
const SCANNER_ARGS = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

function checkArg({ args }: ArgInstruction, subject: Subject, place: Place): void {
  for (const { key, value } of args) {
    reportSecret("ARG", key, { subject, place });
    reportUndefined(place.state.scope.declareArg(key, value).unmatched, subject, place);
  }
}

interface Where {
  readonly subject: Subject;
  readonly place: Place;
}

/** `values`: name and value of each pair in turn, expanded over the variables from before the instruction. */
function checkPairs(
  { type, pairs }: EnvInstruction,
  values: readonly string[],
  { subject, place }: Where,
): void {
  const { list, state } = place;
  for (const [index, { legacy }] of pairs.entries()) {
    const name = values[index * 2] ?? "";
    if (legacy) {
      const { detail } = RULES.LegacyKeyValueFormat;
      list.report("LegacyKeyValueFormat", detail(writtenKeyword(subject.source)), subject);
    }
    if (type === "LABEL") continue;
    reportSecret("ENV", name, { subject, place });
    state.scope.setEnv(name, values[index * 2 + 1] ?? "");
  }
}

const SECRET = new Set(
  "apikey auth credential credentials key password pword passwd secret token".split(" "),
);
const NO_SECRET = new Set(["public", "file", "version"]);

function reportSecret(keyword: "ARG" | "ENV", name: string, { subject, place }: Where): void {
  const words = name.toLowerCase().split("_");
  if (!words.some((word) => SECRET.has(word)) || words.some((word) => NO_SECRET.has(word))) return;
  const find = new RegExp(`(?<![A-Za-z0-9_])${literally(name).source}(?![A-Za-z0-9_])`, "g");
  place.list.report(
    "SecretsUsedInArgOrEnv",
    RULES.SecretsUsedInArgOrEnv.detail(keyword, name),
    subject,
    find,
  );
}

function checkCommand({ type, command }: CommandInstruction, subject: Subject, place: Place): void {
  checkOnlyOne(type, subject, place);
  if (command.form === "exec" || place.state.hasShell) return;
  place.list.report("JSONArgsRecommended", RULES.JSONArgsRecommended.detail(type), subject);
}

function checkWorkdir(written: string, path: string, { subject, place }: Where): void {
  const { state, list } = place;
  const { detail } = RULES.WorkdirRelativePath;
  if (!state.hasWorkdir && !path.startsWith("/"))
    list.report("WorkdirRelativePath", detail(path), subject, literally(written));
  state.hasWorkdir = true;
}

/** The finding is about the earlier one: it is that which has no effect. */
function checkOnlyOne(keyword: string, subject: Subject, { state, list }: Place): void {
  const earlier = state.last.get(keyword);
  state.last.set(keyword, subject);
  if (earlier === undefined) return;
  const { detail } = RULES.MultipleInstructionsDisallowed;
  // The comment that may silence it stands above the later one.
  list.report("MultipleInstructionsDisallowed", detail(keyword), { ...earlier, comments: subject.comments });
}

function checkPorts({ words }: WordsInstruction, subject: Subject, { state, checks, list }: Place): void {
  const options = { escape: checks.ast.escape };
  for (const word of words.flatMap((each) => expandWords(each, state.scope.lookup, options))) {
    const exposed = readExposed(word);
    if (exposed === undefined) return;
    const find = literally(word);
    if (exposed.protocol !== exposed.protocol.toLowerCase())
      list.report("ExposeProtoCasing", RULES.ExposeProtoCasing.detail(word), subject, find);
    if (exposed.isMapping)
      list.report("ExposeInvalidFormat", RULES.ExposeInvalidFormat.detail(word), subject, find);
  }
}

function checkSources(instruction: CopyInstruction, item: StageInstruction, { subject, place }: Where): void {
  const { checks, list, state } = place;
  if (checks.isIgnored === undefined || item.from !== undefined) return;
  for (const written of fileSources(instruction)) {
    const source = state.scope.expand(written).value;
    if (REMOTE.test(source)) continue;
    const path = cleanPattern(source);
    if (!checks.isIgnored(path)) continue;
    const detail = RULES.CopyIgnoredFile.detail(instruction.type, path);
    list.report("CopyIgnoredFile", detail, subject, literally(written));
  }
}

/** ADD of a URL or a git repository reads no file of the context. */
const REMOTE = /^(?:https?:\/\/|git@|git:\/\/|ssh:\/\/)/;
