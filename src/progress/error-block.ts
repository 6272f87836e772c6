import type { BuildErrorDetails } from "../core/errors.ts";
import { maskAddresses } from "../core/redact-address.ts";
import type { SourceRange, SourceText } from "../core/source-range.ts";
import { cutStartToWidth, cutToWidth, displayWidth, expandTabs } from "./display-width.ts";
import { formatCount } from "./format.ts";
import { createPaint, type Paint, type Style } from "./paint.ts";
import { safeName } from "./safe-text.ts";

/** What a BuildError is to a reader; a BuildError is one. */
export interface ErrorFacts {
  readonly code: string;
  readonly message: string;
  readonly details: Omit<BuildErrorDetails, "cause" | "commandExitCode">;
}

export interface ErrorBlockOptions {
  /** The text that `details.at` points into; without it the place is named and not shown. */
  readonly source?: SourceText | undefined;
  readonly colours: boolean;
  /** How the block begins, and which colour it has. */
  readonly level?: "error" | "warning" | undefined;
  /** Source lines are cut to this many columns around the caret; undefined: never. */
  readonly columns?: number | undefined;
}

/** Lines shown above the first marked one, and of a marked range. */
const LINES_BEFORE = 1;
const MAX_MARKED = 6;

/**
 * One cause, one place, one next step:
 * ```
 * error[run/exit-nonzero]: RUN ended with exit code 127
 *   --> Dockerfile:7:5   (stage build, step 5/6)
 *    6 | COPY . .
 *  > 7 | RUN npmm run build
 *      |     ^^^^ sh: npmm: not found
 *  hint: did you mean `npm`?
 *  log:  builds/01JD/5.log (212 lines)
 * ```
 * Ends with a newline.
 */
export function renderErrorBlock(error: ErrorFacts, options: ErrorBlockOptions): string {
  const { source, columns, level = "error" } = options;
  const paint = createPaint(options.colours);
  const { at, hint, logPath, logLines } = error.details;
  const log =
    logPath === undefined
      ? ""
      : safeName(logPath) + (logLines === undefined ? "" : ` (${formatCount(logLines, "line")})`);
  const lines = [
    ...headLines(error, level, paint),
    ...placeLine(error, source, paint),
    ...(at === undefined || source === undefined
      ? []
      : excerpt(at, { text: source.text, error, style: STYLE_OF[level], paint, columns })),
    ...labelled("hint:", hint, paint),
    ...labelled("log: ", log === "" ? undefined : log, paint),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

const STYLE_OF = { error: "fail", warning: "warning" } as const satisfies Record<string, Style>;

function headLines(error: ErrorFacts, level: keyof typeof STYLE_OF, paint: Paint): readonly string[] {
  const [first = "", ...more] = error.message.trimEnd().split("\n").map(safeName);
  return [
    `${paint(STYLE_OF[level], `${level}[${error.code}]`)}${paint("bold", `: ${first}`)}`,
    ...more.map((line) => `  ${line}`),
  ];
}

function placeLine(error: ErrorFacts, source: SourceText | undefined, paint: Paint): readonly string[] {
  const { at, file, step } = error.details;
  const name = file ?? source?.name;
  if (at === undefined || name === undefined)
    return step === undefined ? [] : [`  ${paint("place", "-->")} ${step}`];
  const place = `${safeName(name)}:${at.line}:${at.column}`;
  return [`  ${paint("place", "-->")} ${place}${step === undefined ? "" : `   (${safeName(step)})`}`];
}

function labelled(label: string, text: string | undefined, paint: Paint): readonly string[] {
  if (text === undefined) return [];
  const [first = "", ...more] = text.trimEnd().split("\n").map(safeName);
  return [` ${paint("hint", label)} ${first}`, ...more.map((line) => `       ${line}`)];
}

interface Excerpt {
  readonly text: string;
  readonly error: ErrorFacts;
  readonly style: Style;
  readonly paint: Paint;
  readonly columns: number | undefined;
}

function excerpt(at: SourceRange, { text, error, style, paint, columns }: Excerpt): readonly string[] {
  const source = maskAddresses(text.replace(/^\ufeff/, "")).split(/\r?\n/);
  if (at.line < 1 || at.line > source.length) return [];
  const last = Math.min(Math.max(at.endLine, at.line), source.length, at.line + MAX_MARKED - 1);
  const digits = String(last).length;
  const gutter = (mark: string, number: string) => paint("dim", ` ${mark} ${number.padStart(digits)} | `);
  const room = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(20, columns - digits - 6);

  const shown: string[] = [];
  for (let line = Math.max(1, at.line - LINES_BEFORE); line <= last; line += 1) {
    const written = source[line - 1] ?? "";
    const isMarked = line >= at.line;
    const mark = isMarked ? ">" : " ";
    if (line !== at.line) {
      shown.push(`${gutter(mark, String(line))}${cutIfNeeded(safeSource(written), room)}`.trimEnd());
      continue;
    }
    const { code, caret } = underline(written, at, room);
    const label = error.details.label === undefined ? "" : ` ${safeName(error.details.label)}`;
    shown.push(`${gutter(mark, String(line))}${code}`.trimEnd());
    shown.push(`${gutter(" ", "")}${caret.replace(/\^+/, (carets) => paint(style, carets))}${label}`);
  }
  const hidden = Math.min(at.endLine, source.length) - last;
  if (hidden > 0) shown.push(`${gutter(" ", "")}… ${formatCount(hidden, "more line")}`);
  return shown;
}

/** The line as shown, and the line of carets below it. Both are counted in terminal columns: tabs, CJK and emoji are as wide as drawn. */
function underline(
  written: string,
  at: SourceRange,
  room: number,
): { readonly code: string; readonly caret: string } {
  const from = Math.min(Math.max(at.column - 1, 0), written.length);
  const to =
    at.endLine > at.line
      ? written.replace(/\s*\\?\s*$/, "").length
      : Math.min(at.endColumn - 1, written.length);
  // Escapes and tabs change widths, so each part is made harmless by itself, where it begins.
  const before = expandTabs(safeTabs(written.slice(0, from)));
  const start = displayWidth(before);
  const marked = expandTabs(safeTabs(written.slice(from, Math.max(to, from))), start);
  const carets = Math.max(1, displayWidth(marked.trimEnd()));
  const after = expandTabs(safeTabs(written.slice(Math.max(to, from))), start + displayWidth(marked));
  if (start + displayWidth(marked) + displayWidth(after) <= room) {
    return { code: before + marked + after, caret: " ".repeat(start) + "^".repeat(carets) };
  }
  // Too wide: some of what stands before, then as much as there is room for.
  const kept = cutStartToWidth(before, Math.floor(room / 2));
  const left = displayWidth(kept);
  const code = cutToWidth(kept + marked + after, room);
  return { code, caret: " ".repeat(left) + "^".repeat(Math.min(carets, room - left)) };
}

function cutIfNeeded(text: string, room: number): string {
  return Number.isFinite(room) ? cutToWidth(text, room) : text;
}

function safeSource(line: string): string {
  return expandTabs(safeTabs(line));
}

/** Harmless, with tabs left in for expandTabs. */
function safeTabs(text: string): string {
  return text.split("\t").map(safeName).join("\t");
}
