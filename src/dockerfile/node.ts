import { skipBlanks, skipBlanksBack } from "./blanks.ts";
import { splitFlags } from "./flag-words.ts";
import type { HeredocBody } from "./heredoc.ts";
import { type LogicalLine, type Word } from "./logical-line.ts";
import { readArguments } from "./node-arguments.ts";
import { findSeparator } from "./words.ts";

/**
 * One instruction, taken apart but not judged (BuildKit's first stage, parser.Node): an unknown keyword or a wrong number
 * of arguments is still in. Offsets of words are into `line.text`, also in `child`.
 */
export interface DockerfileNode {
  /** The keyword as written; `keyword` is it in upper case. */
  readonly instruction: Word;
  readonly keyword: string;
  readonly flags: readonly Word[];
  /** For ENV and LABEL three a pair: name, value and `=`, or an empty word for the form with a blank. */
  readonly args: readonly Word[];
  /** The arguments were a JSON array of strings. */
  readonly json: boolean;
  /** The instruction of an ONBUILD. */
  readonly child: DockerfileNode | undefined;
  readonly heredocs: readonly HeredocBody[];
  /** Joined over continuations, without heredoc bodies. */
  readonly original: string;
  readonly comments: readonly string[];
  /** Of the file; the lines of heredocs included. */
  readonly startLine: number;
  readonly endLine: number;
  readonly line: LogicalLine;
}

/** What the line loop knows about a line besides its text. */
export interface NodePlace {
  readonly line: LogicalLine;
  readonly comments: readonly string[];
  readonly startLine: number;
  readonly endLine: number;
  readonly escape: string;
}

/** The node of a whole logical line. Throws dockerfile/bad-arguments and dockerfile/bad-json with the place. */
export function readNode(place: NodePlace): DockerfileNode {
  return readFrom(0, place);
}

/** The node of what stands from `from` to the end of the line; ONBUILD reads its rest the same way. */
function readFrom(from: number, place: NodePlace, depth = 0): DockerfileNode {
  const { text } = place.line;
  const start = skipBlanks(text, from);
  const end = skipBlanksBack(text, start, text.length);
  const keywordEnd = findSeparator(text, start, end);
  const instruction = { text: text.slice(start, keywordEnd), start, end: keywordEnd };
  const { words: flags, rest } = splitFlags(text, { from: keywordEnd, to: end, escape: place.escape });
  const argsStart = skipBlanks(text, rest, end);
  const keyword = instruction.text.toUpperCase();
  const argument = { text: text.slice(argsStart, end), start: argsStart, end };
  const isTrigger = keyword === "ONBUILD" && argument.text !== "" && depth < MAX_TRIGGERS;
  const parts = isTrigger
    ? { args: [{ text: "", start: argsStart, end: argsStart }], json: false }
    : readArguments({ keyword, argument, instruction, line: place.line, escape: place.escape });
  return {
    instruction,
    keyword,
    flags,
    ...parts,
    child: isTrigger ? readFrom(argsStart, { ...place, comments: [] }, depth + 1) : undefined,
    heredocs: [],
    original: depth === 0 ? text : text.slice(start, end),
    comments: place.comments,
    startLine: place.startLine,
    endLine: place.endLine,
    line: place.line,
  };
}

/** A chain of ONBUILDs is refused later in any case; this keeps a hostile one off the call stack. */
const MAX_TRIGGERS = 50;

/** Heredocs are read for these keywords only, and not behind a JSON array (BuildKit: canContainHeredoc). */
export function takesHeredocs(node: DockerfileNode): boolean {
  const inner = node.keyword === "ONBUILD" && node.child !== undefined ? node.child : node;
  return ["RUN", "COPY", "ADD"].includes(inner.keyword) && !inner.json;
}
