import type { SourceRange } from "../core/source-range.ts";
import type { DockerfileAst, FromInstruction, Instruction } from "../dockerfile/ast.ts";
import { splitOnBlanks } from "../dockerfile/words.ts";
import { type FindingList, literally, writtenKeyword } from "./finding-list.ts";
import { RULES } from "./rules.ts";

/** The rules that need the text alone, of every stage whether it is built or not. */
export function checkText(ast: DockerfileAst, list: FindingList): void {
  checkEach(ast, list);
  checkStageNames(ast, list);
  checkCasing(ast, list);
}

/** Those that look at one instruction at a time: they hold for the beginning of a file that goes wrong further down, too. */
export function checkEach(ast: DockerfileAst, list: FindingList): void {
  for (const warning of ast.warnings) {
    if (warning.rule === "NoEmptyContinuation") checkContinuation(warning.at, ast, list);
  }
  for (const instruction of inFileOrder(ast)) {
    if (instruction.type === "FROM") checkFrom(instruction, list);
    if (instruction.type === "MAINTAINER")
      list.report("MaintainerDeprecated", RULES.MaintainerDeprecated.detail(), instruction);
    if (instruction.type !== "ARG") continue;
    const names = instruction.args.map(({ key }) => key);
    checkDescription(instruction, names, list);
  }
}

type AnyInstruction = FromInstruction | Instruction;

function* inFileOrder(ast: DockerfileAst): Generator<AnyInstruction> {
  yield* ast.metaArgs;
  for (const stage of ast.stages) {
    yield stage.from;
    yield* stage.instructions;
  }
}

/** BuildKit blames the line that the instruction ends on; the place is the empty line. */
function checkContinuation(at: SourceRange, ast: DockerfileAst, list: FindingList): void {
  const last = lastLineOf(ast, at.line);
  list.reportAt("NoEmptyContinuation", RULES.NoEmptyContinuation.detail(), at, { start: last, end: last });
}

/** Without the bodies of heredocs, which come later. */
function lastLineOf(ast: DockerfileAst, line: number): number {
  for (const { at, heredocs } of inFileOrder(ast)) {
    if (line < at.line || line > at.endLine) continue;
    const body = heredocs.reduce((lines, { raw }) => lines + raw.split("\n").length, 0);
    return Math.max(line, at.endLine - body);
  }
  return line;
}

function checkFrom(from: FromInstruction, list: FindingList): void {
  if (from.stageName === undefined) return;
  const [as = "", name = ""] = splitOnBlanks(from.source, 0)
    .slice(-2)
    .map(({ text }) => text);
  const keyword = writtenKeyword(from.source);
  if (name !== name.toLowerCase())
    list.report("StageNameCasing", RULES.StageNameCasing.detail(name), from, lastWord(name));
  const isLower = keyword === keyword.toLowerCase();
  const isUpper = keyword === keyword.toUpperCase();
  // A keyword of mixed case is ConsistentInstructionCasing's.
  if ((isLower || isUpper) && as !== (isLower ? as.toLowerCase() : as.toUpperCase()))
    list.report("FromAsCasing", RULES.FromAsCasing.detail(keyword, as), from, word(as));
  checkDescription(from, [from.stageName], list);
}

function checkDescription(
  instruction: FromInstruction | Extract<Instruction, { readonly type: "ARG" }>,
  names: readonly string[],
  list: FindingList,
): void {
  const comment = instruction.comments.at(-1);
  const [name] = names;
  if (comment === undefined || name === undefined || names.includes(comment.split(" ")[0] ?? "")) return;
  const { detail } = RULES.InvalidDefinitionDescription;
  const example = names.length > 1 ? "<the name of one of its ARGs>" : name;
  list.report("InvalidDefinitionDescription", detail(instruction.type, example), instruction);
}

const RESERVED = ["context", "scratch"];

function checkStageNames(ast: DockerfileAst, list: FindingList): void {
  const seen = new Set<string>();
  for (const { from } of ast.stages) {
    const name = from.stageName;
    if (name === undefined) continue;
    const find = lastWord(name, "gi");
    if (RESERVED.includes(name))
      list.reportWhole("ReservedStageName", RULES.ReservedStageName.detail(name), from, find);
    if (seen.has(name))
      list.reportWhole("DuplicateStageName", RULES.DuplicateStageName.detail(name), from, find);
    seen.add(name);
  }
}

/** Keywords of one case, by majority; a tie is for upper case. ARGs above the first FROM do not count. */
function checkCasing(ast: DockerfileAst, list: FindingList): void {
  const subjects = ast.stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  let lower = 0;
  let upper = 0;
  for (const { source } of subjects) {
    const keyword = writtenKeyword(source);
    if (keyword === keyword.toLowerCase()) lower += 1;
    else if (keyword === keyword.toUpperCase()) upper += 1;
  }
  const isLower = lower > upper;
  for (const subject of subjects) {
    const keyword = writtenKeyword(subject.source);
    if (keyword === (isLower ? keyword.toLowerCase() : keyword.toUpperCase())) continue;
    const { detail } = RULES.ConsistentInstructionCasing;
    list.reportWhole("ConsistentInstructionCasing", detail(keyword, isLower ? "lower" : "upper"), subject);
  }
}

function word(text: string): RegExp {
  return new RegExp(`(?<=^|\\s)${literally(text).source}(?=\\s|$)`, "g");
}

/** The name of a stage is the last word of its FROM: the base may be called the same. */
function lastWord(text: string, flags = "g"): RegExp {
  return new RegExp(`(?<=^|\\s)${literally(text).source}(?=\\s*$)`, flags);
}
