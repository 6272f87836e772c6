import { unreachable } from "../core/unreachable.ts";
import { cutToWidth, expandTabs } from "./display-width.ts";
import { formatBytes, formatCount } from "./format.ts";
import type { Paint, Style } from "./paint.ts";
import { rowLayout, rowLine } from "./row-line.ts";
import { safeName, safeOutput } from "./safe-text.ts";
import { transferBar } from "./transfers.ts";
import { type BuildView, type ContextFacts, type NoteLevel, outputTail, type ScrollItem } from "./view.ts";

/** How the screen is: its width, whether it has colours, and whether notes for developers are wanted. */
export interface Screen {
  readonly columns: number;
  readonly paint: Paint;
  readonly colours: boolean;
  readonly debug: boolean;
}

/** Under a row's ordinal: where lines of output begin. */
export const TAIL_INDENT = "       │ ";

const LEVEL_STYLE = { info: "dim", warning: "warning", debug: "dim" } as const satisfies Record<
  NoteLevel,
  Style
>;

/** The lines of one item of the scrollback, none wider than the screen; none at all where there is nothing to say. */
export function scrollLines(view: BuildView, item: ScrollItem, screen: Screen): readonly string[] {
  const { paint, columns } = screen;
  switch (item.type) {
    case "header":
      return [headerLine(view, item.context, screen)];
    case "context":
      return [cutToWidth(paint("dim", ` ${describeContext(item.context)}`), columns)];
    case "skipped":
      return [cutToWidth(paint("skip", ` ${describeSkipped(item)}`), columns)];
    case "row":
      return rowLines(view, item.id, screen);
    case "note":
      return noteText(item, screen.debug).map((line) =>
        cutToWidth(paint(LEVEL_STYLE[item.level], line), columns),
      );
    case "transferred":
      return transferSummaries(view).map((line) => cutToWidth(paint("dim", line), columns));
    case "warnings":
      return warningLines(view, screen.debug).map((line, index) =>
        cutToWidth(index === 0 ? paint("warning", line) : line, columns),
      );
    default:
      return unreachable(item);
  }
}

/** `tsbuild hello:1.0.0   context 41 files 182 kB   Dockerfile (linux/amd64)` */
export function describeHeader(view: BuildView, context: ContextFacts | null): string {
  return headerParts(view, context).join("   ");
}

export function describeContext(context: ContextFacts): string {
  return `context ${formatCount(context.files, "file")} ${formatBytes(context.bytes)}`;
}

export function describeSkipped(item: { readonly stage: string; readonly rows: number }): string {
  return `skip  ${safeName(item.stage)}   ${formatCount(item.rows, "step")}, stage not needed`;
}

/** `warning: …`, further lines indented; none for debug notes that nobody asked for. */
export function noteText(
  note: { readonly level: NoteLevel; readonly text: string },
  debug: boolean,
): readonly string[] {
  if (note.level === "debug" && !debug) return [];
  const prefix = note.level === "info" ? "note" : note.level;
  return note.text
    .trimEnd()
    .split("\n")
    .map((line, index) => (index === 0 ? ` ${prefix}: ${safeName(line)}` : `   ${safeName(line)}`));
}

/** ` 2 warnings found …` and a line for each; with debug, what each rule asks for and where it is explained. */
export function warningLines(view: BuildView, debug: boolean): readonly string[] {
  const warnings = view.warnings.toSorted((a, b) => a.line - b.line);
  const where = debug ? "" : " (with their places: tsbuild check)";
  return [
    ` ${formatCount(warnings.length, "warning")} found${where}:`,
    ...warnings.flatMap(({ rule, message, line, description, docs }) => [
      `  - ${rule} (line ${line}): ${safeName(message)}`,
      ...(debug ? [`      ${safeName(description)}`, `      ${docs}`] : []),
    ]),
  ];
}

/** ` pull  3 layers 48 MB, 2 already here`: what went over the network in all. */
export function transferSummaries(view: BuildView): readonly string[] {
  return (["pull", "push"] as const).flatMap((direction) => {
    const bar = transferBar(view.transfers, direction, view.atMs);
    if (bar === undefined) return [];
    const moved = `${formatCount(bar.blobs, "blob")} ${formatBytes(bar.doneBytes)}`;
    const existing =
      bar.existing === 0 ? "" : `, ${bar.existing} already ${direction === "pull" ? "here" : "there"}`;
    return [` ${direction}  ${moved}${existing}`];
  });
}

function headerLine(view: BuildView, context: ContextFacts | null, { columns, paint }: Screen): string {
  const [name = "", ...facts] = headerParts(view, context);
  return cutToWidth([paint("bold", name), ...facts.map((fact) => paint("dim", fact))].join("   "), columns);
}

function headerParts(view: BuildView, context: ContextFacts | null): readonly string[] {
  return [
    `tsbuild ${view.tags.map(safeName).join(", ")}`.trimEnd(),
    ...(context === null ? [] : [describeContext(context)]),
    ...(view.dockerfile === "" ? [] : [`${safeName(view.dockerfile)} (${view.platform})`]),
  ];
}

/** A row that failed brings the end of its output with it. */
function rowLines(view: BuildView, id: string, screen: Screen): readonly string[] {
  const row = view.rows.get(id);
  if (row === undefined) return [];
  const line = rowLine(row, rowLayout(view, screen.columns), { nowMs: view.atMs, paint: screen.paint });
  if (row.state !== "fail") return [line];
  return [line, ...outputTail(row).map((text) => tailLine(text, screen))];
}

/** A line of output under its row. */
export function tailLine(text: string, { columns, colours, paint }: Screen): string {
  const room = columns - TAIL_INDENT.length;
  if (room < 1) return "";
  const safe = expandTabs(safeOutput(text, { colours }).slice(0, room * 64));
  return `${paint("dim", TAIL_INDENT)}${cutToWidth(safe, room)}`;
}
