import type { SourceRange } from "../core/source-range.ts";

/** One physical line's share of a logical line: where it begins there, and in the file (both 1-based). */
interface Piece {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** An instruction joined over its continuations, with the way back to the file. */
export interface LogicalLine {
  readonly text: string;
  readonly pieces: readonly Piece[];
}

/** A stretch of a logical line. `text` is what it means, which may differ from what is written there (quotes, escapes). */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The place in the file of `start` to `end` (exclusive); an empty stretch is widened to one column so that a caret shows. */
export function rangeOf(line: LogicalLine, start: number, end: number): SourceRange {
  const first = pieceAt(line, start);
  const last = pieceAt(line, Math.max(start, end - 1));
  const column = first.column + start - first.offset;
  const endColumn = last.column + end - last.offset;
  return {
    line: first.line,
    column,
    endLine: last.line,
    endColumn: last.line === first.line ? Math.max(endColumn, column + 1) : endColumn,
  };
}

export function wordRange(line: LogicalLine, word: Word): SourceRange {
  return rangeOf(line, word.start, word.end);
}

/** The last piece that begins at or before `offset`: binary search, since a line may have 100,000 pieces. */
function pieceAt(line: LogicalLine, offset: number): Piece {
  const { pieces } = line;
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return pieces[low] ?? { offset: 0, line: 1, column: 1 };
}
