import type { ErrorCode } from "../core/error-codes.ts";
import { BuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";
import { skipBlanksBack } from "./blanks.ts";
import { rangeOf, type Word, wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";

/** An error about an instruction: at a word of it, or at the keyword. */
export function nodeError(
  node: DockerfileNode,
  message: string,
  { code = "dockerfile/bad-arguments", word = node.instruction, hint }: NodeErrorDetails,
): BuildError {
  return new BuildError(code, message, { hint, at: wordRange(node.line, word) });
}

interface NodeErrorDetails {
  readonly code?: ErrorCode;
  readonly word?: Word | undefined;
  readonly hint: string;
}

/** From the keyword to the last character, the bodies of heredocs included. */
export function nodeRange(node: DockerfileNode): SourceRange {
  const { line, instruction, heredocs } = node;
  const head = rangeOf(line, instruction.start, skipBlanksBack(line.text, instruction.end, line.text.length));
  const last = heredocs.at(-1);
  return last === undefined ? head : { ...head, endLine: node.endLine, endColumn: last.name.length + 1 };
}
