import { cutToWidth, displayWidth } from "./display-width.ts";
import { formatBytes, formatTimeLeft } from "./format.ts";
import { rowLayout, rowLine } from "./row-line.ts";
import { safeName } from "./safe-text.ts";
import { type Screen, tailLine } from "./scrollback.ts";
import { type TransferBar, type TransferDirection, transferBar } from "./transfers.ts";
import { type BuildView, outputTail, type RowView } from "./view.ts";

/** The live area is never higher, whatever the terminal: what scrolls is what has ended. */
export const MAX_LIVE_LINES = 10;
const MAX_TAIL_LINES = 6;
const MAX_WAITING = 2;
const WIDE_BAR_COLUMNS = 24;
const NARROW_BAR_COLUMNS = 12;
/** A terminal below this gets the narrow bar. */
const WIDE_SCREEN_COLUMNS = 90;

export interface LiveSize {
  readonly maxLines: number;
  /** The build's clock, which goes on between events. */
  readonly nowMs: number;
}

/** What is going on right now: running rows with the end of their output, transfers, the next rows. At most `maxLines` lines. */
export function liveLines(view: BuildView, screen: Screen, { maxLines, nowMs }: LiveSize): readonly string[] {
  if (view.result !== null || maxLines < 1) return [];
  const rows = [...view.rows.values()];
  const running = rows.filter((row) => row.state === "run");
  const waiting = rows.filter((row) => row.state === "wait");
  const bars = (["pull", "push"] as const).flatMap((direction) =>
    barLine(view, direction, { screen, nowMs }),
  );

  let room = maxLines - bars.length;
  const shown = running.slice(0, running.length <= room ? running.length : Math.max(0, room - 1));
  const hidden = running.length - shown.length;
  room -= shown.length + (hidden > 0 ? 1 : 0);
  const next = waiting.slice(0, Math.min(MAX_WAITING, Math.max(0, room)));
  room -= next.length;
  const tails = shareTail(shown, room);

  const layout = rowLayout(view, screen.columns);
  const draw = (row: RowView) => rowLine(row, layout, { nowMs, paint: screen.paint });
  const lines = [
    ...shown.flatMap((row) => [draw(row), ...(tails.get(row) ?? []).map((text) => tailLine(text, screen))]),
    ...(hidden > 0
      ? [screen.paint("dim", cutToWidth(`       … ${hidden} more running`, screen.columns))]
      : []),
    ...bars,
    ...next.map((row, index) =>
      index === next.length - 1 ? withMore(draw(row), waiting.length - next.length, screen) : draw(row),
    ),
  ];
  return lines.slice(0, maxLines);
}

/** `pull  ━━━━━━━━────  12 MB of 48 MB   3.1 MB/s   12s left   2 already here` */
export function describeTransfer(bar: TransferBar): string {
  const parts = [
    `${formatBytes(bar.doneBytes)} of ${formatBytes(bar.totalBytes)}`,
    ...(bar.bytesPerSecond > 0 ? [`${formatBytes(bar.bytesPerSecond)}/s`] : []),
    ...(bar.secondsLeft !== null && bar.active ? [formatTimeLeft(bar.secondsLeft)] : []),
    ...(bar.existing > 0 ? [`${bar.existing} already ${bar.direction === "pull" ? "here" : "there"}`] : []),
    ...(bar.note === null ? [] : [safeName(bar.note)]),
  ];
  return parts.join("   ");
}

function barLine(
  view: BuildView,
  direction: TransferDirection,
  { screen, nowMs }: { screen: Screen; nowMs: number },
): readonly string[] {
  const bar = transferBar(view.transfers, direction, nowMs);
  if (bar === undefined || !bar.active) return [];
  const share = bar.totalBytes === 0 ? 0 : Math.min(1, bar.doneBytes / bar.totalBytes);
  const barColumns = screen.columns < WIDE_SCREEN_COLUMNS ? NARROW_BAR_COLUMNS : WIDE_BAR_COLUMNS;
  const filled = Math.round(share * barColumns);
  const { paint } = screen;
  const drawn = `${paint("run", "━".repeat(filled))}${paint("dim", "─".repeat(barColumns - filled))}`;
  return [cutToWidth(` ${paint("run", direction)}  ${drawn} ${describeTransfer(bar)}`, screen.columns)];
}

/** Every running row gets its newest line before any gets a second one. */
function shareTail(rows: readonly RowView[], room: number): ReadonlyMap<RowView, readonly string[]> {
  const outputs = rows.map((row) => outputTail(row).slice(-MAX_TAIL_LINES));
  const counts = outputs.map(() => 0);
  let left = room;
  for (let round = 0; round < MAX_TAIL_LINES && left > 0; round += 1) {
    for (const [index, output] of outputs.entries()) {
      if (left === 0 || output.length <= round) continue;
      counts[index] = round + 1;
      left -= 1;
    }
  }
  return new Map(rows.map((row, index) => [row, takeLast(outputs[index] ?? [], counts[index] ?? 0)]));
}

function takeLast(lines: readonly string[], count: number): readonly string[] {
  return count === 0 ? [] : lines.slice(-count);
}

function withMore(line: string, more: number, { columns, paint }: Screen): string {
  if (more === 0) return line;
  const text = `   … ${more} more`;
  const room = columns - displayWidth(text);
  return room < 20 ? line : `${cutToWidth(line, room)}${paint("dim", text)}`;
}
