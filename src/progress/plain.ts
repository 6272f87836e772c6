import type { BuildEvent } from "../core/events.ts";
import { unreachable } from "../core/unreachable.ts";
import { finalLine } from "./final-line.ts";
import { describeTransfer } from "./live-area.ts";
import { splitOutput } from "./output-lines.ts";
import type { Renderer, Write } from "./renderer.ts";
import { rowCells } from "./row-cells.ts";
import { lastState, safeName, safeOutput } from "./safe-text.ts";
import {
  describeContext,
  describeHeader,
  describeSkipped,
  noteText,
  transferSummaries,
  warningLines,
} from "./scrollback.ts";
import { type TransferEvent, transferBar } from "./transfers.ts";
import {
  type BuildView,
  EMPTY_VIEW,
  hasSeveralStages,
  type RowView,
  reduceView,
  type ScrollItem,
  stageLabel,
} from "./view.ts";

/** A pull says how far it is no more often than this, by the build's own clock. */
const TRANSFER_EVERY_MS = 5_000;

export interface PlainOptions {
  readonly write: Write;
  readonly debug?: boolean;
  /** Where the lines go if not straight to `write`: GitHub's groups hold back those of parallel rows. */
  readonly sink?: PlainSink;
}

/** What the printer says, and of which row. */
export interface PlainSink {
  /** Lines of a row while it runs; `place` is what stands before each of them. */
  rowOutput(row: RowView, lines: readonly string[], place: string): void;
  /** The row has ended; its own line comes next. */
  rowEnded(row: RowView): void;
  line(text: string): void;
}

/**
 * Lines for pipes, logs and dumb terminals: the same events give the same bytes. No escape sequence, nothing is cut, nothing is
 * drawn twice.
 */
export function createPlainRenderer({
  write,
  debug = false,
  sink = directSink(write),
}: PlainOptions): Renderer {
  const pending = new Map<string, { readonly row: string; readonly text: string }>();
  let view: BuildView = EMPTY_VIEW;
  let printed = 0;
  let lastTransferMs = -TRANSFER_EVERY_MS;
  let ended = false;

  const printScrollback = () => {
    for (; printed < view.scrollback.length; printed += 1) {
      const item = view.scrollback[printed];
      if (item === undefined) return;
      for (const line of scrollText(view, item, { debug, sink })) sink.line(line);
    }
  };
  const printOutput = (event: Extract<BuildEvent, { type: "step-output" }>) => {
    const key = `${event.row} ${event.stream}`;
    const split = splitOutput(pending.get(key)?.text ?? "", event.text);
    pending.set(key, { row: event.row, text: split.pending });
    const row = view.rows.get(event.row);
    if (row !== undefined && split.lines.length > 0)
      sink.rowOutput(row, outputLines(view, row, split.lines), placeOf(view, row));
  };
  const flushOutput = (id: string | undefined) => {
    for (const [key, { row: owner, text }] of pending) {
      if (id !== undefined && owner !== id) continue;
      pending.delete(key);
      const row = view.rows.get(owner);
      if (row !== undefined && text !== "")
        sink.rowOutput(row, outputLines(view, row, [lastState(text)]), placeOf(view, row));
    }
  };
  const printTransfer = (event: TransferEvent) => {
    if (event.atMs - lastTransferMs < TRANSFER_EVERY_MS) return;
    const bar = transferBar(view.transfers, event.direction, event.atMs);
    if (bar === undefined || !bar.active || bar.totalBytes === 0) return;
    lastTransferMs = event.atMs;
    sink.line(` ${event.direction}  ${describeTransfer(bar)}`);
  };

  return {
    onEvent(event) {
      if (event.type === "step-finished") flushOutput(event.row);
      if (event.type === "finished") flushOutput(undefined);
      view = reduceView(view, event);
      printScrollback();
      if (event.type === "step-started") printStart(view, event.row, sink);
      if (event.type === "step-output") printOutput(event);
      if (event.type === "transfer") printTransfer(event);
      if (event.type === "finished") {
        ended = true;
        const line = finalLine(view);
        if (line !== undefined) sink.line(line);
      }
    },
    finish() {
      if (!ended) flushOutput(undefined);
    },
  };
}

/** ` HIT   2/6 WORKDIR /app   0 B` */
export function plainRow(view: BuildView, row: RowView): string {
  const { word, title, size, time, reason } = rowCells(row, view.atMs);
  const cells = [title, size, time, reason].filter((cell) => cell !== "").join("   ");
  return ` ${word.padEnd(5)} ${placeOf(view, row)} ${cells}`;
}

/** `4/6`, `build 4/6` where there are several stages; padded so that a stage's rows stand below one another. */
export function placeOf(view: BuildView, row: RowView): string {
  const { ordinal, total } = row.plan;
  const place = `${ordinal}/${total}`.padStart(String(total).length * 2 + 1);
  return hasSeveralStages(view) ? `${safeName(stageLabel(row.plan))} ${place}` : place;
}

function directSink(write: Write): PlainSink {
  return {
    rowOutput: (_row, lines) => write(lines.map((line) => `${line}\n`).join("")),
    rowEnded: () => undefined,
    line: (text) => write(`${text}\n`),
  };
}

/** A command may be silent for minutes, so its row says that it began. Other rows are done before one has read it. */
function printStart(view: BuildView, id: string, sink: PlainSink): void {
  const row = view.rows.get(id);
  if (row === undefined || !/^(?:onbuild\s+)?run\b/i.test(row.title)) return;
  sink.line(` run   ${placeOf(view, row)} ${row.title}`);
}

function outputLines(view: BuildView, row: RowView, lines: readonly string[]): readonly string[] {
  const prefix = `       ${placeOf(view, row)} │ `;
  return lines.map((line) => `${prefix}${safeOutput(line, { colours: false })}`.trimEnd());
}

function scrollText(
  view: BuildView,
  item: ScrollItem,
  { debug, sink }: { readonly debug: boolean; readonly sink: PlainSink },
): readonly string[] {
  switch (item.type) {
    case "header":
      return [describeHeader(view, item.context)];
    case "context":
      return [` ${describeContext(item.context)}`];
    case "skipped":
      return [` ${describeSkipped(item)}`];
    case "note":
      return noteText(item, debug);
    case "transferred":
      return transferSummaries(view);
    case "warnings":
      return warningLines(view, debug);
    case "row": {
      const row = view.rows.get(item.id);
      if (row === undefined) return [];
      sink.rowEnded(row);
      return [plainRow(view, row)];
    }
    default:
      return unreachable(item);
  }
}
