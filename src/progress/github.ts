import type { CheckWarning, EventError } from "../core/events.ts";
import { finalLine } from "./final-line.ts";
import { createPlainRenderer, type PlainSink } from "./plain.ts";
import type { Renderer, Write } from "./renderer.ts";
import { rowCells } from "./row-cells.ts";
import { safeName } from "./safe-text.ts";
import {
  type BuildView,
  EMPTY_VIEW,
  hasSeveralStages,
  type RowView,
  reduceView,
  stageLabel,
} from "./view.ts";

export interface GithubRenderer extends Renderer {
  /** Markdown for the file named by `$GITHUB_STEP_SUMMARY`: a table of the rows so far. */
  summary(): string;
}

/** The plain printer with foldable groups around the output of each step, and annotations for warnings and the error. */
export function createGithubRenderer({
  write,
  debug = false,
}: {
  write: Write;
  debug?: boolean;
}): GithubRenderer {
  let view: BuildView = EMPTY_VIEW;
  const plain = createPlainRenderer({ write, debug, sink: groupingSink(write) });
  return {
    onEvent(event) {
      view = reduceView(view, event);
      plain.onEvent(event);
      if (event.type === "note" && event.level === "warning")
        write(`${annotation("warning", {}, event.text)}\n`);
      if (event.type === "check-warning") write(`${checkAnnotation(view.dockerfile, event)}\n`);
      if (event.type === "finished" && event.error !== null)
        write(`${errorAnnotation(view.dockerfile, event.error)}\n`);
    },
    finish: () => plain.finish(),
    summary: () => githubSummary(view),
  };
}

/** A Markdown table of the rows, and the line that ends the build. */
export function githubSummary(view: BuildView): string {
  const several = hasSeveralStages(view);
  const lines = [...view.rows.values()]
    .filter((row) => row.plan.needed)
    .map((row) => {
      const { word, ordinal, title, size, time, reason } = rowCells(row, view.atMs);
      const place = several ? `${stageLabel(row.plan)} ${ordinal}` : ordinal;
      return `| ${[word, escapeMarkdown(place), codeSpan(title), size, time, escapeMarkdown(reason)].join(" | ")} |`;
    });
  const end = finalLine(view) ?? view.result?.error?.message ?? "The build did not end.";
  const name = view.tags.length === 0 ? view.dockerfile : view.tags.join(", ");
  return [
    `### tsbuild ${escapeMarkdown(name)}`,
    "",
    "| Result | Step | Instruction | Size | Time | Why |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
    escapeMarkdown(end),
    "",
  ].join("\n");
}

/** `::error file=Dockerfile,line=7,col=5,title=run/exit-nonzero::RUN ended with exit code 127` */
function errorAnnotation(dockerfile: string, error: EventError): string {
  const place = error.line === null ? {} : { file: dockerfile, line: String(error.line) };
  const column = error.line === null || error.column === null ? {} : { col: String(error.column) };
  return annotation("error", { ...place, ...column, title: error.code }, error.message);
}

/** `::warning file=Dockerfile,line=3,endLine=3,col=6,endColumn=10,title=UndefinedVar::$foo is not defined here` */
function checkAnnotation(dockerfile: string, warning: CheckWarning): string {
  const { rule, message, line, column, endLine, endColumn } = warning;
  const place = { file: dockerfile, line: String(line), endLine: String(endLine), col: String(column) };
  // GitHub takes columns of one line only.
  const end = line === endLine ? { endColumn: String(endColumn) } : {};
  return annotation("warning", { ...place, ...end, title: rule }, message);
}

function annotation(
  command: "error" | "warning",
  properties: Record<string, string>,
  message: string,
): string {
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(value)}`);
  return `::${command}${list.length === 0 ? "" : ` ${list.join(",")}`}::${escapeData(message)}`;
}

/** The workflow-command escapes: percent, carriage return, newline; in properties also colon and comma. */
function escapeData(text: string): string {
  const lines = text.replace(/\r?\n/g, "\n").split("\n").map(safeName).join("\n");
  return lines.replaceAll("%", "%25").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/**
 * Groups cannot nest, and steps run at the same time: the first row with output has the open group, the others' lines wait until it
 * ends. RULE: no line of a build begins with `::` (the row's prefix stands before it) or holds `##[`, or it could be a command.
 */
function groupingSink(write: Write): PlainSink {
  let open: string | undefined;
  const held = new Map<string, { readonly row: RowView; readonly place: string; readonly lines: string[] }>();

  const begin = (row: RowView, place: string) => {
    open = row.plan.id;
    write(`::group::${place.replace(/\s+/g, " ").trim()} ${disarm(row.title)}\n`);
  };
  const put = (lines: readonly string[]) => write(lines.map((line) => `${disarm(line)}\n`).join(""));
  const end = () => {
    open = undefined;
    write("::endgroup::\n");
  };
  const release = (id: string) => {
    const waiting = held.get(id);
    if (waiting === undefined) return false;
    held.delete(id);
    begin(waiting.row, waiting.place);
    put(waiting.lines);
    return true;
  };

  return {
    rowOutput(row, lines, place) {
      const { id } = row.plan;
      if (open === undefined && !release(id)) begin(row, place);
      if (open === id) return put(lines);
      const waiting = held.get(id);
      if (waiting === undefined) held.set(id, { row, place, lines: [...lines] });
      else for (const line of lines) waiting.lines.push(line);
    },
    rowEnded(row) {
      const { id } = row.plan;
      if (open === id) return end();
      if (!held.has(id)) return;
      const interrupted = open;
      if (interrupted !== undefined) end();
      if (release(id)) end();
    },
    line(text) {
      if (open !== undefined) end();
      write(`${disarm(text)}\n`);
    },
  };
}

/** The older form of a workflow command is one wherever it stands in a line. */
function disarm(line: string): string {
  return line.replaceAll("##[", "## [").replace(/^\s*::/, (start) => start.replace("::", ": :"));
}

function escapeMarkdown(text: string): string {
  return safeName(text).replace(/[\\`*_|<>[\]]/g, (character) => `\\${character}`);
}

/** A code span whose fence is longer than any run of backticks inside. */
function codeSpan(text: string): string {
  const longest = Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const padding = longest > 0 ? " " : "";
  return `${fence}${padding}${safeName(text).replaceAll("|", "\\|")}${padding}${fence}`;
}
