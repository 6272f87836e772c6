import { BuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { ParseWarning } from "./ast.ts";
import { skipBlanks, trimBlanks } from "./blanks.ts";
import { Directives, type EscapeCharacter } from "./directives.ts";
import { type HeredocBody, type HeredocHead, heredocsOf } from "./heredoc.ts";
import { LineReader, type RawLine } from "./line-reader.ts";
import { type LogicalLine, rangeOf } from "./logical-line.ts";
import { type DockerfileNode, readNode, takesHeredocs } from "./node.ts";

export interface DockerfileScan {
  readonly nodes: readonly DockerfileNode[];
  readonly escape: EscapeCharacter;
  readonly directives: Readonly<Record<string, string>>;
  readonly warnings: readonly ParseWarning[];
}

/**
 * Text to instructions that are taken apart but not judged: directives, comments, continuations, heredoc bodies
 * (BuildKit: parser/parser.go, Parse). Linear in the text. Throws BuildErrors of dockerfile/*.
 */
export function scanDockerfile(text: string): DockerfileScan {
  const reader = new LineReader(text);
  const directives = new Directives();
  const nodes: DockerfileNode[] = [];
  const warnings: ParseWarning[] = [];
  let comments: string[] = [];
  for (let raw = reader.next(); raw !== undefined; raw = reader.next()) {
    const indent = skipBlanks(raw.text, 0);
    const first = raw.text.slice(indent);
    const isDirective = directives.read(first, { line: raw.number, column: indent + 1 });
    if (first.startsWith("#")) {
      if (!isDirective) comments = addComment(comments, raw.text);
      continue;
    }
    const joined = joinLines({ reader, raw, indent, escape: directives.escape });
    if (joined === undefined) continue;
    if (joined.emptyLine !== undefined) warnings.push(emptyContinuation(joined.emptyLine));
    nodes.push(completeNode(joined, { reader, startLine: raw.number, comments, escape: directives.escape }));
    comments = [];
  }
  if (nodes.length === 0) {
    throw new BuildError("dockerfile/empty", "the Dockerfile has no instructions", {
      hint: "Begin it with FROM: a base image, or scratch.",
    });
  }
  return { nodes, escape: directives.escape, directives: directives.values, warnings };
}

/** Comments right above an instruction describe it. The first character goes, be it the `#` or a blank before it. */
function addComment(comments: string[], text: string): string[] {
  const comment = trimBlanks(text.slice(1));
  if (comment === "") return [];
  comments.push(comment);
  return comments;
}

interface JoinedLine {
  readonly line: LogicalLine;
  readonly endLine: number;
  /** The last empty line inside, if there was one. */
  readonly emptyLine: number | undefined;
}

/** The line and its continuations; undefined for an empty one. */
function joinLines(input: {
  readonly reader: LineReader;
  readonly raw: RawLine;
  readonly indent: number;
  readonly escape: string;
}): JoinedLine | undefined {
  const { reader, raw, indent, escape } = input;
  let part = cutContinuation(raw.text.slice(indent), escape);
  if (!part.continues && part.text === "") return undefined;
  const parts = [part.text];
  const pieces = [{ offset: 0, line: raw.number, column: indent + 1 }];
  let offset = part.text.length;
  let endLine = raw.number;
  let emptyLine: number | undefined;
  while (part.continues) {
    const next = reader.next();
    if (next === undefined) break;
    endLine = next.number;
    const start = skipBlanks(next.text, 0);
    if (next.text[start] === "#") continue;
    if (start === next.text.length) {
      emptyLine = next.number;
      continue;
    }
    part = cutContinuation(next.text, escape);
    parts.push(part.text);
    pieces.push({ offset, line: next.number, column: 1 });
    offset += part.text.length;
  }
  return { line: { text: parts.join(""), pieces }, endLine, emptyLine };
}

/** An escape at the end, blanks behind it allowed, joins the next line, unless another escape stands right before it. */
function cutContinuation(
  text: string,
  escape: string,
): { readonly text: string; readonly continues: boolean } {
  let end = text.length;
  while (end > 0 && (text[end - 1] === " " || text[end - 1] === "\t")) end--;
  const continues = end > 0 && text[end - 1] === escape && text[end - 2] !== escape;
  return continues ? { text: text.slice(0, end - 1), continues } : { text, continues };
}

function emptyContinuation(line: number): ParseWarning {
  return {
    rule: "NoEmptyContinuation",
    message: "an empty line inside a continued instruction will become an error in Docker",
    at: { line, column: 1, endLine: line, endColumn: 2 },
  };
}

function completeNode(
  joined: JoinedLine,
  place: {
    readonly reader: LineReader;
    readonly startLine: number;
    readonly comments: readonly string[];
    readonly escape: string;
  },
): DockerfileNode {
  const { line, endLine } = joined;
  const node = readNode({ ...place, line, endLine });
  if (!line.text.includes("<<") || !takesHeredocs(node)) return node;
  const heads = heredocsOf(line.text);
  if (heads.length === 0) return node;
  let last = endLine;
  const heredocs = heads.map((head) => {
    const { body, end } = readBody(head, place.reader, line);
    last = end;
    return body;
  });
  return { ...node, heredocs, endLine: last };
}

/** The lines up to the delimiter alone on one, byte for byte. */
function readBody(
  head: HeredocHead,
  reader: LineReader,
  line: LogicalLine,
): { readonly body: HeredocBody; readonly end: number } {
  let start: number | undefined;
  for (let raw = reader.next(); raw !== undefined; raw = reader.next()) {
    start ??= raw.offset;
    const text = head.chomp ? raw.text.replace(/^\t+/, "") : raw.text;
    if (text === head.name)
      return { body: { ...head, content: reader.text.slice(start, raw.offset) }, end: raw.number };
  }
  throw new BuildError("dockerfile/unterminated-heredoc", `the heredoc <<${head.name} has no end`, {
    hint: `Put ${head.name} alone on the line behind its last line, with no blanks around it.`,
    at: headRange(head, line),
  });
}

function headRange(head: HeredocHead, line: LogicalLine): SourceRange {
  for (const match of line.text.matchAll(/<<-?[\t\r ]*(['"]?)([^<\t\r ]*)/g)) {
    if (match[2]?.startsWith(head.name) === true) {
      return rangeOf(line, match.index, match.index + match[0].length);
    }
  }
  const at = Math.max(0, line.text.indexOf("<<"));
  return rangeOf(line, at, at + 2);
}
