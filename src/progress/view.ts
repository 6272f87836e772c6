import type { ChangeKind } from "../core/cache-key.ts";
import type { BuildEvent, CheckWarning, LayerSummary, RowPlan, StepOutcome } from "../core/events.ts";
import { unreachable } from "../core/unreachable.ts";
import { splitOutput } from "./output-lines.ts";
import { safeName } from "./safe-text.ts";
import { addTransfer, NO_TRANSFERS, type Transfers } from "./transfers.ts";

/** Lines of output kept per row; the full log is a file of the build record. */
const TAIL_LINES = 20;

export type RowState = "wait" | "run" | "hit" | "miss" | "skip" | "fail" | "canceled";
export type NoteLevel = Extract<BuildEvent, { readonly type: "note" }>["level"];
type StepFinished = Extract<BuildEvent, { readonly type: "step-finished" }>;
type BuildFinished = Extract<BuildEvent, { readonly type: "finished" }>;

export interface RowView {
  readonly plan: RowPlan;
  readonly state: RowState;
  /** The instruction, harmless, on one line. */
  readonly title: string;
  readonly layer: LayerSummary | null;
  /** On FROM: the id of the image it stands for. */
  readonly base: string | null;
  /** Of work; null where nothing ran. */
  readonly seconds: number | null;
  readonly startedAtMs: number | null;
  readonly reason: string | null;
  readonly change: ChangeKind | null;
  /** The last whole lines of output, raw, oldest first. */
  readonly tail: readonly string[];
  readonly pending: { readonly stdout: string; readonly stderr: string };
  /** What a HIT saved. */
  readonly savedSeconds: number;
}

/** What has come to an end and stands in the scrollback, in the order in which it did. RULE: only ever appended to. */
export type ScrollItem =
  | { readonly type: "header"; readonly context: ContextFacts | null }
  | { readonly type: "context"; readonly context: ContextFacts }
  | { readonly type: "skipped"; readonly stage: string; readonly rows: number }
  | { readonly type: "row"; readonly id: string }
  | { readonly type: "note"; readonly level: NoteLevel; readonly text: string }
  | { readonly type: "transferred" }
  | { readonly type: "warnings" };

export interface ContextFacts {
  readonly files: number;
  readonly bytes: number;
}

/** Everything a renderer needs to know of a build so far. A value: events make a new one. */
export interface BuildView {
  readonly id: string;
  readonly tags: readonly string[];
  readonly dockerfile: string;
  readonly platform: string;
  readonly context: ContextFacts | null;
  /** In file order. */
  readonly rows: ReadonlyMap<string, RowView>;
  readonly transfers: Transfers;
  readonly scrollback: readonly ScrollItem[];
  /** What the build checks found, in the order found. */
  readonly warnings: readonly CheckWarning[];
  /** Of the newest event. */
  readonly atMs: number;
  readonly result: BuildFinished | null;
}

export const EMPTY_VIEW: BuildView = {
  id: "",
  tags: [],
  dockerfile: "",
  platform: "",
  context: null,
  rows: new Map(),
  transfers: NO_TRANSFERS,
  scrollback: [],
  warnings: [],
  atMs: 0,
  result: null,
};

const STATE_OF = {
  HIT: "hit",
  MISS: "miss",
  SKIP: "skip",
  FAIL: "fail",
  CANCELED: "canceled",
} as const satisfies Record<StepOutcome, RowState>;

export function reduceView(before: BuildView, event: BuildEvent): BuildView {
  const view = { ...before, atMs: Math.max(before.atMs, event.atMs) };
  switch (event.type) {
    case "build-started":
      return {
        ...view,
        id: event.id,
        tags: event.tags,
        dockerfile: event.dockerfile,
        platform: event.platform,
      };
    case "context":
      return withContext(view, { files: event.files, bytes: event.bytes });
    case "planned":
      return withPlan(view, event.rows);
    case "step-started":
      return patchRow(withHeader(view), event.row, () => ({ state: "run", startedAtMs: event.atMs }));
    case "step-output":
      return patchRow(view, event.row, (row) => appendOutput(row, event.stream, event.text));
    case "step-finished":
      return withFinishedRow(withHeader(view), event);
    case "transfer":
      return { ...view, transfers: addTransfer(view.transfers, event) };
    case "note":
      return {
        ...view,
        scrollback: [...view.scrollback, { type: "note", level: event.level, text: event.text }],
      };
    case "check-warning":
      return { ...view, warnings: [...view.warnings, event] };
    case "finished":
      return withResult(withHeader(view), event);
    default:
      return unreachable(event);
  }
}

/** How many rows ended how, and what the hits saved. */
export function countRows(
  view: BuildView,
): Readonly<Record<RowState, number>> & { readonly savedSeconds: number } {
  const counts = { wait: 0, run: 0, hit: 0, miss: 0, skip: 0, fail: 0, canceled: 0 };
  let savedSeconds = 0;
  for (const row of view.rows.values()) {
    counts[row.state] += 1;
    savedSeconds += row.savedSeconds;
  }
  return { ...counts, savedSeconds };
}

/** `build`, or `stage-0` for one without a name. */
export function stageLabel(plan: Pick<RowPlan, "stage" | "stageIndex">): string {
  return plan.stage ?? `stage-${plan.stageIndex}`;
}

/** Whether rows must say which stage they are of. */
export function hasSeveralStages(view: BuildView): boolean {
  const stages = new Set<string>();
  for (const row of view.rows.values()) if (row.plan.needed) stages.add(stageLabel(row.plan));
  return stages.size > 1;
}

/** The last lines of a row's output with the unfinished ones, raw, oldest first. */
export function outputTail(row: RowView): readonly string[] {
  const { stdout, stderr } = row.pending;
  return [...row.tail, ...(stdout === "" ? [] : [stdout]), ...(stderr === "" ? [] : [stderr])];
}

/** The header waits for the context's facts, but never longer than the first row. */
function withHeader(view: BuildView): BuildView {
  if (view.scrollback.some((item) => item.type === "header")) return view;
  const header: ScrollItem = { type: "header", context: view.context };
  return { ...view, scrollback: [...view.scrollback, header, ...skippedStages(view)] };
}

function withContext(view: BuildView, context: ContextFacts): BuildView {
  const late = view.scrollback.some((item) => item.type === "header");
  const next = { ...view, context };
  if (!late) return next.rows.size > 0 ? withHeader(next) : next;
  return { ...next, scrollback: [...next.scrollback, { type: "context", context }] };
}

/** A second plan (an ONBUILD base brought rows) keeps what is known of rows that stay. */
function withPlan(view: BuildView, plans: readonly RowPlan[]): BuildView {
  const rows = new Map(plans.map((plan) => [plan.id, { ...(view.rows.get(plan.id) ?? newRow(plan)), plan }]));
  const next = { ...view, rows };
  return next.context === null ? next : withHeader(next);
}

function newRow(plan: RowPlan): RowView {
  return {
    plan,
    state: plan.needed ? "wait" : "skip",
    title: safeName(plan.instruction),
    layer: null,
    base: null,
    seconds: null,
    startedAtMs: null,
    reason: null,
    change: null,
    tail: [],
    pending: { stdout: "", stderr: "" },
    savedSeconds: 0,
  };
}

function skippedStages(view: BuildView): readonly ScrollItem[] {
  const counts = new Map<string, number>();
  for (const { plan } of view.rows.values()) {
    if (!plan.needed) counts.set(stageLabel(plan), (counts.get(stageLabel(plan)) ?? 0) + 1);
  }
  return Array.from(counts, ([stage, rows]) => ({ type: "skipped", stage, rows }));
}

function withFinishedRow(view: BuildView, event: StepFinished): BuildView {
  const row = view.rows.get(event.row);
  if (row === undefined) return view;
  const state = STATE_OF[event.result];
  const next = patchRow(view, event.row, () => ({
    state,
    layer: event.layer,
    base: event.base ?? null,
    seconds: event.tookMs === null ? null : event.tookMs / 1000,
    savedSeconds: event.result === "HIT" ? (event.savedMs ?? 0) / 1000 : 0,
    reason: event.reason === null ? null : safeName(event.reason),
    change: event.change?.kind ?? null,
  }));
  // A skipped stage has its one line already; a step that was canceled before it began has nothing to tell.
  const silent = state === "skip" || (state === "canceled" && row.state === "wait");
  return silent ? next : { ...next, scrollback: [...next.scrollback, { type: "row", id: event.row }] };
}

/** What still ran or waited when the build ended was canceled. */
function withResult(view: BuildView, event: BuildFinished): BuildView {
  const running = [...view.rows.values()].filter((row) => row.state === "run");
  const rows = new Map(
    Array.from(view.rows, ([id, row]) => [
      id,
      isOpen(row.state) ? { ...row, state: "canceled" as const } : row,
    ]),
  );
  const ended: ScrollItem[] = running.map((row) => ({ type: "row", id: row.plan.id }));
  // After a failure the last words are the failed step's own.
  if (view.transfers.blobs.size > 0 && event.error === null) ended.push({ type: "transferred" });
  if (view.warnings.length > 0) ended.push({ type: "warnings" });
  return { ...view, rows, result: event, scrollback: [...view.scrollback, ...ended] };
}

function isOpen(state: RowState): boolean {
  return state === "wait" || state === "run";
}

function appendOutput(row: RowView, stream: "stdout" | "stderr", text: string): Partial<RowView> {
  const { lines, pending } = splitOutput(row.pending[stream], text);
  const tail = lines.length === 0 ? row.tail : [...row.tail, ...lines.slice(-TAIL_LINES)].slice(-TAIL_LINES);
  return { tail, pending: { ...row.pending, [stream]: pending } };
}

/** Events of rows that no plan knows change nothing: a renderer is no place to fail. */
function patchRow(view: BuildView, id: string, change: (row: RowView) => Partial<RowView>): BuildView {
  const row = view.rows.get(id);
  if (row === undefined) return view;
  return { ...view, rows: new Map(view.rows).set(id, { ...row, ...change(row) }) };
}
