import { cutToWidth, displayWidth, padToWidth } from "./display-width.ts";
import type { Paint } from "./paint.ts";
import { type RowCells, rowCells, STYLE_OF } from "./row-cells.ts";
import { type BuildView, hasSeveralStages, type RowView, stageLabel } from "./view.ts";

const WORD_COLUMNS = 5;
const SIZE_COLUMNS = 8;
const TIME_COLUMNS = 5;
const MAX_STAGE_COLUMNS = 14;
const MAX_TITLE_COLUMNS = 64;
const MIN_TITLE_COLUMNS = 16;
/** Room that titles leave to size, time and a reason of a few words. */
const RIGHT_COLUMNS = 3 + SIZE_COLUMNS + TIME_COLUMNS + 2 + 18;

/** Where the columns of this build's rows stand on a terminal of this width. */
export interface RowLayout {
  readonly columns: number;
  /** 0: no stage is named. */
  readonly stageColumns: number;
  readonly ordinalColumns: number;
  readonly titleColumns: number;
}

export function rowLayout(view: BuildView, columns: number): RowLayout {
  const rows = [...view.rows.values()].filter((row) => row.plan.needed);
  const widest = (width: (row: RowView) => number) =>
    rows.reduce((most, row) => Math.max(most, width(row)), 0);
  const stageColumns = hasSeveralStages(view)
    ? Math.min(
        MAX_STAGE_COLUMNS,
        widest((row) => displayWidth(stageLabel(row.plan))),
      )
    : 0;
  const ordinalColumns = widest((row) => String(row.plan.total).length * 2 + 1);
  const left = leftColumns(stageColumns, ordinalColumns);
  const room = Math.max(MIN_TITLE_COLUMNS, columns - left - RIGHT_COLUMNS);
  const titleColumns = Math.min(
    room,
    MAX_TITLE_COLUMNS,
    widest((row) => displayWidth(row.title.slice(0, MAX_TITLE_COLUMNS))),
  );
  return { columns, stageColumns, ordinalColumns, titleColumns };
}

/** One row, one line, never wider than the layout's columns. Draws what it is given: no clock, no state. */
export function rowLine(
  row: RowView,
  layout: RowLayout,
  { nowMs, paint }: { nowMs: number; paint: Paint },
): string {
  const cells = rowCells(row, nowMs);
  const stage = layout.stageColumns === 0 ? "" : stageCell(row, layout.stageColumns);
  const head = ` ${cells.word.padEnd(WORD_COLUMNS)} `;
  const place = `${stage}${cells.ordinal.padStart(layout.ordinalColumns)} `;
  const room = layout.columns - displayWidth(head) - displayWidth(place);
  if (room < 1) return cutToWidth(`${head}${place}`, layout.columns);

  const right = rightCells(cells);
  const title = titleCell(
    cells.title,
    layout.titleColumns,
    room - (right === "" ? 0 : displayWidth(right) + 3),
  );
  const rest = cutToWidth(right === "" ? title.trimEnd() : `${title}   ${right}`, room);
  const isQuiet = row.state === "wait" || row.state === "skip";
  const bright = isQuiet ? "" : rest.startsWith(title) ? title : rest;
  const painted = `${bright}${paint("dim", rest.slice(bright.length))}`;
  return `${paint(STYLE_OF[row.state], head)}${paint("dim", place)}${painted}`.trimEnd();
}

function leftColumns(stageColumns: number, ordinalColumns: number): number {
  return 1 + WORD_COLUMNS + 1 + (stageColumns === 0 ? 0 : stageColumns + 1) + ordinalColumns + 1;
}

function stageCell(row: RowView, columns: number): string {
  return `${padToWidth(cutToWidth(stageLabel(row.plan), columns), columns)} `;
}

function rightCells(cells: RowCells): string {
  const size = cells.size.padEnd(SIZE_COLUMNS);
  const time = cells.time.padStart(TIME_COLUMNS);
  return `${size}${time}${cells.reason === "" ? "" : `  ${cells.reason}`}`.trimEnd();
}

/** A title longer than its column takes what this row's right side leaves free; one in the way of a long reason yields. */
function titleCell(title: string, columns: number, free: number): string {
  const room = Math.max(free, MIN_TITLE_COLUMNS);
  return padToWidth(cutToWidth(title, room), Math.min(columns, room));
}
