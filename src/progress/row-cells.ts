import { formatBytes, formatSeconds, shortDigest } from "./format.ts";
import type { Style } from "./paint.ts";
import type { RowState, RowView } from "./view.ts";

/** The word of a state. One word means one thing, on every screen and in the documentation. */
export const WORD_OF = {
  wait: "wait",
  run: "run",
  hit: "HIT",
  miss: "MISS",
  skip: "skip",
  fail: "FAIL",
  canceled: "CANCELED",
} as const satisfies Record<RowState, string>;

export const STYLE_OF = {
  wait: "wait",
  run: "run",
  hit: "hit",
  miss: "miss",
  skip: "skip",
  fail: "fail",
  canceled: "canceled",
} as const satisfies Record<RowState, Style>;

/** What stands in a row's columns, as text; "" where there is nothing to say. */
export interface RowCells {
  readonly word: string;
  readonly ordinal: string;
  readonly title: string;
  /** The layer's size; the base's id on FROM. */
  readonly size: string;
  readonly time: string;
  readonly reason: string;
}

/** `nowMs` is the build's clock: a running row tells how long it has been at it. */
export function rowCells(row: RowView, nowMs: number): RowCells {
  return {
    word: WORD_OF[row.state],
    ordinal: `${row.plan.ordinal}/${row.plan.total}`,
    title: row.title,
    size: sizeOf(row),
    time: timeOf(row, nowMs),
    reason: row.reason ?? "",
  };
}

function sizeOf(row: RowView): string {
  if (row.base !== null) return shortDigest(row.base);
  if (row.layer !== null) return formatBytes(row.layer.size);
  const isResult = row.state === "hit" || row.state === "miss";
  return isResult && !isFrom(row) ? formatBytes(0) : "";
}

function timeOf(row: RowView, nowMs: number): string {
  if (row.state === "run" && row.startedAtMs !== null) return formatSeconds((nowMs - row.startedAtMs) / 1000);
  return row.seconds === null ? "" : formatSeconds(row.seconds);
}

function isFrom(row: RowView): boolean {
  return /^from\b/i.test(row.title);
}
