import { createHash } from "node:crypto";
import type { BuildEvent, CheckWarning } from "../core/events.ts";
import { unreachable } from "../core/unreachable.ts";
import { jsonLine } from "./json.ts";
import { placeOf } from "./plain.ts";
import type { Renderer, Write } from "./renderer.ts";
import { type BuildView, EMPTY_VIEW, type RowView, reduceView, stageLabel } from "./view.ts";

/** The shapes of moby/buildkit client/graph.go, as its encoder writes them: absent where empty. Times are RFC 3339. */
interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: true;
  readonly error?: string;
}

interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly name?: string;
  readonly total?: number;
  readonly current: number;
  readonly timestamp: string;
  readonly started?: string;
  readonly completed?: string;
}

interface VertexLog {
  readonly vertex: string;
  /** 1: stdout, 2: stderr. */
  readonly stream: 1 | 2;
  /** Base64. */
  readonly data: string;
  readonly timestamp: string;
}

interface VertexWarning {
  readonly vertex: string;
  readonly level: number;
  /** Base64, as is each of `detail`. */
  readonly short: string;
  readonly detail?: readonly string[];
  readonly url?: string;
  readonly sourceInfo?: { readonly filename: string };
  readonly range?: readonly {
    readonly start: { readonly line: number };
    readonly end: { readonly line: number };
  }[];
}

interface SolveStatus {
  readonly vertexes?: readonly Vertex[];
  readonly statuses?: readonly VertexStatus[];
  readonly logs?: readonly VertexLog[];
  readonly warnings?: readonly VertexWarning[];
}

/** `--progress=rawjson`: what tools written for BuildKit read. `startedMs` is when the build began, in milliseconds since 1970. */
export function createRawJsonRenderer({ write, startedMs }: { write: Write; startedMs: number }): Renderer {
  let view: BuildView = EMPTY_VIEW;
  const begun = new Map<string, number>();
  return {
    onEvent(event) {
      const before = view;
      view = reduceView(view, event);
      if (event.type === "transfer" && event.state !== "waiting") {
        const key = `${event.direction} ${event.blob}`;
        if (!begun.has(key)) begun.set(key, event.atMs);
      }
      for (const status of statusesOf(event, { before, view, begun, startedMs })) write(jsonLine(status));
    },
    finish: () => undefined,
  };
}

interface Known {
  readonly before: BuildView;
  readonly view: BuildView;
  /** When each blob began to move, on the build's clock. */
  readonly begun: ReadonlyMap<string, number>;
  readonly startedMs: number;
}

function statusesOf(event: BuildEvent, known: Known): readonly SolveStatus[] {
  const { view } = known;
  const time = (atMs: number) => new Date(known.startedMs + atMs).toISOString();
  switch (event.type) {
    case "planned":
      return [{ vertexes: neededRows(view).map((row) => vertexOf(view, row, {})) }, ...earlyWarnings(view)];
    case "step-started":
      return onRow(view, event.row, (row) => ({
        vertexes: [vertexOf(view, row, { started: time(event.atMs) })],
      }));
    case "step-finished":
      return onRow(view, event.row, (row) => ({ vertexes: [finishedVertex(row, event, { view, time })] }));
    case "step-output":
      return onRow(view, event.row, (row) => ({ logs: [logOf(view, row, event, time(event.atMs))] }));
    case "transfer":
      return onRow(view, event.row ?? firstRow(view), (row) => ({
        statuses: [transferOf(row, event, known)],
      }));
    case "note":
      return event.level === "warning" ? [{ warnings: [warningOf(view, event.text)] }] : [];
    case "check-warning":
      return view.rows.size === 0 ? [] : [{ warnings: [checkWarningOf(view, event)] }];
    case "finished":
      return [...(view.rows.size === 0 ? earlyWarnings(view) : []), ...canceledRows(known, time(event.atMs))];
    case "build-started":
    case "context":
      return [];
    default:
      return unreachable(event);
  }
}

function vertexOf(view: BuildView, row: RowView, times: Partial<Vertex>): Vertex {
  const place = view.rows.size > 0 ? `[${placeLabel(view, row)}] ` : "";
  return { digest: vertexDigest(view, row.plan.id), name: `${place}${row.title}`, ...times };
}

/** BuildKit's `[build 4/6]`, `[4/6]` with one stage. */
function placeLabel(view: BuildView, row: RowView): string {
  return placeOf(view, row).replace(/\s+/g, " ").trim() || stageLabel(row.plan);
}

function finishedVertex(
  row: RowView,
  event: Extract<BuildEvent, { type: "step-finished" }>,
  { view, time }: { view: BuildView; time: (atMs: number) => string },
): Vertex {
  const beganMs = row.startedAtMs ?? event.atMs - (event.tookMs ?? 0);
  const cached = event.result === "HIT" ? { cached: true as const } : {};
  const error = event.result === "FAIL" ? { error: event.reason ?? "failed" } : {};
  const canceled = event.result === "CANCELED" ? { error: "context canceled" } : {};
  return vertexOf(view, row, {
    started: time(beganMs),
    completed: time(event.atMs),
    ...cached,
    ...error,
    ...canceled,
  });
}

function logOf(
  view: BuildView,
  row: RowView,
  event: Extract<BuildEvent, { type: "step-output" }>,
  timestamp: string,
): VertexLog {
  return {
    vertex: vertexDigest(view, row.plan.id),
    stream: event.stream === "stdout" ? 1 : 2,
    data: base64(event.text),
    timestamp,
  };
}

function transferOf(
  row: RowView,
  event: Extract<BuildEvent, { type: "transfer" }>,
  { view, begun, startedMs }: Known,
): VertexStatus {
  const time = (atMs: number) => new Date(startedMs + atMs).toISOString();
  const beganMs = begun.get(`${event.direction} ${event.blob}`);
  const isDone = event.state === "done" || event.state === "exists";
  return {
    id: event.blob,
    vertex: vertexDigest(view, row.plan.id),
    ...(event.totalBytes > 0 ? { total: event.totalBytes } : {}),
    current: isDone ? event.totalBytes : event.doneBytes,
    timestamp: time(event.atMs),
    ...(beganMs === undefined ? {} : { started: time(beganMs) }),
    ...(isDone ? { completed: time(event.atMs) } : {}),
  };
}

function warningOf(view: BuildView, text: string): VertexWarning {
  return { vertex: vertexDigest(view, firstRow(view) ?? ""), level: 1, short: base64(text) };
}

/** Findings that came before the rows: a warning is told of a vertex, so they wait for the first one. */
function earlyWarnings(view: BuildView): readonly SolveStatus[] {
  return view.warnings.map((warning) => ({ warnings: [checkWarningOf(view, warning)] }));
}

/** BuildKit's text: the rule, what is wrong, and the line. */
function checkWarningOf(view: BuildView, warning: CheckWarning): VertexWarning {
  const { rule, message, description, docs, line, endLine } = warning;
  return {
    ...warningOf(view, `${rule}: ${message} (line ${line})`),
    detail: [base64(description)],
    url: docs,
    sourceInfo: { filename: view.dockerfile },
    range: [{ start: { line }, end: { line: endLine } }],
  };
}

/** Rows that ran when the build ended never finish by themselves. */
function canceledRows({ before, view }: Known, completed: string): readonly SolveStatus[] {
  const running = [...before.rows.values()].filter((row) => row.state === "run");
  if (running.length === 0) return [];
  return [{ vertexes: running.map((row) => vertexOf(view, row, { completed, error: "context canceled" })) }];
}

function neededRows(view: BuildView): readonly RowView[] {
  return [...view.rows.values()].filter((row) => row.plan.needed);
}

function firstRow(view: BuildView): string | undefined {
  return neededRows(view)[0]?.plan.id;
}

function onRow(
  view: BuildView,
  id: string | undefined,
  make: (row: RowView) => SolveStatus,
): readonly SolveStatus[] {
  const row = id === undefined ? undefined : view.rows.get(id);
  return row === undefined || !row.plan.needed ? [] : [make(row)];
}

/** BuildKit names a vertex by a digest; ours needs only to be the same all through one build. */
function vertexDigest(view: BuildView, id: string): string {
  return `sha256:${createHash("sha256").update(`${view.id}\0${id}`).digest("hex")}`;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
