import type { Instruction } from "dockerfile-ast";
import type { SourceRange } from "../core/source-range.ts";
import type { DockerfileAst } from "./ast.ts";
import { wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { scanDockerfile } from "./scan.ts";

/** One instruction as both readers place it. */
export interface StructureItem {
  readonly keyword: string;
  readonly at: SourceRange;
  /** The flags with their places. */
  readonly flags: readonly { readonly name: string; readonly at: SourceRange }[];
}

/** Where dockerfile-ast sees something else than we do; `ours` is what the build uses. Undefined: one side has no more. */
export interface Disagreement {
  readonly what: "keyword" | "place" | "flags" | "count";
  readonly index: number;
  readonly ours: StructureItem | undefined;
  readonly theirs: StructureItem | undefined;
}

/**
 * Reads the same text with dockerfile-ast, an independent reader, and lists where the two differ in the number, keyword,
 * place or flags of instructions. For tests and --debug: loading that package alone costs more than a cached build.
 */
export async function checkStructure(ast: DockerfileAst): Promise<readonly Disagreement[]> {
  const { nodes } = scanDockerfile(ast.text);
  const ours = nodes.map(toItem);
  const theirs = await readStructure(maskHeredocs(ast.text, nodes));
  const length = Math.max(ours.length, theirs.length);
  return Array.from({ length }, (_, index) => compare(index, ours[index], theirs[index])).filter(
    (item) => item !== undefined,
  );
}

/**
 * Where inside the instruction at `within` the argument or flag that holds `text` has it, as dockerfile-ast places
 * arguments: turns "somewhere in this instruction" into a caret. For the path of errors only, as it loads the package.
 */
export async function pinpoint(
  ast: DockerfileAst,
  within: SourceRange,
  text: string,
): Promise<SourceRange | undefined> {
  const { DockerfileParser, ModifiableInstruction } = (await import("dockerfile-ast")).default;
  const masked = maskHeredocs(ast.text, scanDockerfile(ast.text).nodes);
  const instruction = DockerfileParser.parse(masked)
    .getInstructions()
    .find((one) => one.getRange().start.line + 1 === within.line);
  if (instruction === undefined || text === "") return undefined;
  const flags = instruction instanceof ModifiableInstruction ? instruction.getFlags() : [];
  const lines = masked.split("\n");
  for (const part of [...flags, ...instruction.getArguments()]) {
    const { start, end } = part.getRange();
    const line = lines[start.line]?.slice(0, end.line === start.line ? end.character : undefined) ?? "";
    const column = line.indexOf(text, start.character) + 1;
    if (column === 0) continue;
    return { line: start.line + 1, column, endLine: start.line + 1, endColumn: column + text.length };
  }
  return undefined;
}

async function readStructure(text: string): Promise<StructureItem[]> {
  const { DockerfileParser, ModifiableInstruction } = (await import("dockerfile-ast")).default;
  return DockerfileParser.parse(text)
    .getInstructions()
    .map((instruction) => ({
      keyword: instruction.getKeyword(),
      at: toRange(instruction.getInstructionRange()),
      flags:
        instruction instanceof ModifiableInstruction
          ? instruction.getFlags().map((flag) => ({ name: flag.getName(), at: toRange(flag.getRange()) }))
          : [],
    }));
}

type ForeignRange = ReturnType<Instruction["getRange"]>;

function toRange({ start, end }: ForeignRange): SourceRange {
  return {
    line: start.line + 1,
    column: start.character + 1,
    endLine: end.line + 1,
    endColumn: end.character + 1,
  };
}

function toItem(node: DockerfileNode): StructureItem {
  return {
    keyword: node.keyword,
    at: wordRange(node.line, node.instruction),
    flags: node.flags.map((word) => ({
      name: word.text.slice(2).replace(/=[^]*$/, ""),
      at: wordRange(node.line, word),
    })),
  };
}

function compare(
  index: number,
  ours: StructureItem | undefined,
  theirs: StructureItem | undefined,
): Disagreement | undefined {
  const what = differenceOf(ours, theirs);
  return what === undefined ? undefined : { what, index, ours, theirs };
}

function differenceOf(
  ours: StructureItem | undefined,
  theirs: StructureItem | undefined,
): Disagreement["what"] | undefined {
  if (ours === undefined || theirs === undefined) return "count";
  if (ours.keyword !== theirs.keyword) return "keyword";
  if (ours.at.line !== theirs.at.line || ours.at.column !== theirs.at.column) return "place";
  return JSON.stringify(ours.flags) === JSON.stringify(theirs.flags) ? undefined : "flags";
}

/**
 * The text with heredoc bodies as comments and `<<` hidden, each line as long as it was: dockerfile-ast misreads several
 * kinds of heredocs (a body line then becomes an instruction), and takes quadratic time in long ones.
 */
function maskHeredocs(text: string, nodes: readonly DockerfileNode[]): string {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  for (const node of nodes) {
    if (!node.original.includes("<<")) continue;
    const headEnd = node.line.pieces.at(-1)?.line ?? node.startLine;
    for (let number = node.startLine; number <= node.endLine; number++) {
      const line = lines[number - 1] ?? "";
      lines[number - 1] =
        number <= headEnd ? line.replaceAll("<<", "xx") : "#".padEnd(line.length, " ").slice(0, line.length);
    }
  }
  return lines.join("\n");
}
