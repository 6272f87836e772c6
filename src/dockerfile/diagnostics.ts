import type { SourceRange, SourceText } from "../core/source-range.ts";

/** Columns of source shown at most; a longer line is cut on both sides of the caret. */
const MAX_COLUMNS = 160;
/** Source kept in front of the caret where a line is cut. */
const LEAD_COLUMNS = 60;

/**
 * The line of `at` with its number, the line above it, and carets below, as lines of plain text:
 * ```
 *    6 | COPY . .
 *  > 7 | RUN npmm run build
 *      |     ^^^^ sh: npmm: not found
 * ```
 * `label` stands beside the carets. Empty where the file has no such line. Control characters are drawn as `·`, tabs as
 * one blank, so that carets stand where they should.
 */
export function renderSource(source: SourceText, at: SourceRange, label?: string): readonly string[] {
  const lines = linesAround(source.text, at.line);
  const current = lines.at(-1);
  if (current === undefined) return [];
  const width = String(at.line).length;
  const { text, caret } = drawLine(current, at);
  const above = lines.length > 1 ? lines[0] : undefined;
  return [
    ...(above === undefined
      ? []
      : [`   ${String(at.line - 1).padStart(width)} | ${cut(printable(above))}`.trimEnd()]),
    ` > ${at.line} | ${text}`.trimEnd(),
    `   ${" ".repeat(width)} | ${caret}${label === undefined || label === "" ? "" : ` ${printable(label)}`}`,
  ];
}

/** The line above (where there is one) and the line itself, without line ends and byte order mark. */
function linesAround(text: string, line: number): string[] {
  let start = text.startsWith("\uFEFF") ? 1 : 0;
  const found: string[] = [];
  for (let number = 1; number <= line && start <= text.length; number++) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    if (number >= line - 1) found.push(text.slice(start, end).replace(/\r+$/, ""));
    else if (newline < 0) return [];
    start = end + 1;
  }
  return line > 1 && found.length < 2 ? [] : found;
}

function drawLine(line: string, at: SourceRange): { readonly text: string; readonly caret: string } {
  const start = Math.min(Math.max(at.column - 1, 0), line.length);
  const wantedEnd = at.endLine > at.line ? line.trimEnd().length : at.endColumn - 1;
  const end = Math.max(start + 1, Math.min(wantedEnd, line.length));
  const from = line.length <= MAX_COLUMNS ? 0 : wholeCharacter(line, Math.max(0, start - LEAD_COLUMNS));
  const to = wholeCharacter(line, Math.min(line.length, from + MAX_COLUMNS));
  const lead = from > 0 ? "…" : "";
  const before = lead + printable(line.slice(from, start));
  const marked = printable(line.slice(start, Math.min(end, to)));
  return {
    text: `${lead}${printable(line.slice(from, to))}${to < line.length ? "…" : ""}`,
    caret: " ".repeat(columnsOf(before)) + "^".repeat(Math.max(1, columnsOf(marked))),
  };
}

function cut(line: string): string {
  return line.length > MAX_COLUMNS ? `${line.slice(0, wholeCharacter(line, MAX_COLUMNS))}…` : line;
}

/** The offset, moved back where it would part a surrogate pair. */
function wholeCharacter(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code <= 0xdfff && offset > 0 ? offset - 1 : offset;
}

function printable(text: string): string {
  return text.replaceAll("\t", " ").replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "·");
}

/** Terminal columns: two for East Asian wide characters and pictures, none for combining marks. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text) {
    if (/[\p{M}\u200b-\u200d]/u.test(char)) continue;
    columns += WIDE.test(char) ? 2 : 1;
  }
  return columns;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
