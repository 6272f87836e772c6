import { BuildError } from "../core/errors.ts";
import type { SourceRange, SourceText } from "../core/source-range.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";

/** The error with its place narrowed to the word it is about, where the Dockerfile has that word in the place it names. */
export async function focusError(error: unknown, source: SourceText | undefined): Promise<unknown> {
  if (!(error instanceof BuildError) || source === undefined) return error;
  const { at, word, file } = error.details;
  if (at === undefined || word === undefined || word === "" || file !== undefined) return error;
  const found = (await findArgument(at, word, source)) ?? findWord(at, word, source.text);
  return found === undefined
    ? error
    : new BuildError(error.code, error.message, { ...error.details, at: found }).with({});
}

/** A flag or an argument that is just that word, as dockerfile-ast places them; the word inside a longer one is findWord's. */
async function findArgument(
  at: SourceRange,
  word: string,
  source: SourceText,
): Promise<SourceRange | undefined> {
  try {
    const { pinpoint } = await import("../dockerfile/structure-check.ts");
    const found = await pinpoint(parseDockerfile(source), at, word);
    return found !== undefined && endsWhole(found, source.text) ? found : undefined;
  } catch {
    // The text cannot be read at all: that is the error in hand.
    return undefined;
  }
}

function endsWhole(found: SourceRange, text: string): boolean {
  const written = text.replace(/^\ufeff/, "").split(/\r?\n/)[found.line - 1] ?? "";
  return isWhole(written, found.column - 1, found.endColumn - 1);
}

function findWord(at: SourceRange, word: string, text: string): SourceRange | undefined {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (let line = at.line; line <= at.endLine; line += 1) {
    const written = lines[line - 1] ?? "";
    const from = line === at.line ? at.column - 1 : 0;
    for (let found = written.indexOf(word, from); found >= 0; found = written.indexOf(word, found + 1)) {
      if (isWhole(written, found, found + word.length)) {
        return { line, column: found + 1, endLine: line, endColumn: found + word.length + 1 };
      }
    }
  }
  return undefined;
}

/** Not a piece of a longer name; what leads up to a path (`./`, `/`) is no part of the word. */
function isWhole(text: string, start: number, end: number): boolean {
  return !/[\w.-]/.test(text[start - 1]?.replace(/[./]/, " ") ?? " ") && !/[\w-]/.test(text[end] ?? " ");
}
