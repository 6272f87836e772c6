import { BuildError, isBuildError } from "../../core/errors.ts";
import type { SourceText } from "../../core/source-range.ts";
import { createEngine } from "../../engine.ts";
import { type CallAnswer, type CallMethod, callDockerfile } from "../../operations/call-dockerfile.ts";
import { focusError } from "../../operations/focus-error.ts";
import type { BuildOptions } from "../../operations/types.ts";
import { chooseColours, chooseColumns } from "../../progress/choose-progress.ts";
import { renderErrorBlock } from "../../progress/error-block.ts";
import { formatCount } from "../../progress/format.ts";
import { safeName } from "../../progress/safe-text.ts";
import { formatTable } from "../../progress/tables.ts";
import type { CliContext } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";

interface Call {
  readonly method: CallMethod;
  readonly format: "text" | "json";
  /** Findings do not fail the command. */
  readonly ignoresStatus: boolean;
}

type Answer<M extends CallMethod> = Extract<CallAnswer, { readonly method: M }>;

/** `--call=METHOD[,format=json][,ignorestatus=true]`: the answer to standard output; the exit code is buildx's. */
export async function runCall(written: string, options: BuildOptions, context: CliContext): Promise<number> {
  const call = parseCall(written);
  const { env, stdout, stderr } = context;
  const warn = (text: string) => void stderr.write(`warning: ${text}\n`);
  await using engine = await createEngine({ env, warn });
  let source: SourceText | undefined;
  const knowsSource = (text: SourceText) => {
    source = text;
  };
  const tools = { shop: engine.shop, emit: () => undefined, knowsSource };
  let answer: CallAnswer;
  try {
    answer = await callDockerfile(call.method, options, tools);
  } catch (error) {
    const focused = await focusError(error, source);
    if (!isBuildError(focused)) throw focused;
    return writeError(focused, source, context);
  }
  for (const note of answer.notes) stderr.write(`note: ${safeName(note)}\n`);
  if (call.format === "json") stdout.write(`${JSON.stringify(answer.document, null, 2)}\n`);
  else stdout.write(describeAnswer(answer, context));
  return answer.method === "check" ? endCheck(answer, call, context) : 0;
}

function parseCall(written: string): Call {
  let method: CallMethod | undefined;
  let format: Call["format"] = "text";
  let ignoresStatus = false;
  for (const field of written.split(",")) {
    const [key = "", value] = field.split("=", 2);
    if (value === undefined) {
      if (method !== undefined) throw usage(`--call=${written} names two methods`);
      method = readMethod(key);
    } else if (key === "format" && (value === "json" || value === "text")) format = value;
    else if (key === "ignorestatus" && /^(?:true|false)$/.test(value)) ignoresStatus = value === "true";
    else throw usage(`--call=${written}: ${field} is not an option of it`);
  }
  if (method === undefined) throw usage(`--call=${written} names no method`);
  return { method, format, ignoresStatus };
}

function readMethod(text: string): CallMethod {
  if (text === "check" || text === "outline" || text === "targets") return text;
  if (text === "lint") return "check";
  throw usage(`--call=${text} is not a method`);
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, {
    hint: "Choose build, check, outline or targets; ,format=json makes it JSON.",
  });
}

function describeAnswer(answer: CallAnswer, context: CliContext): string {
  if (answer.method === "check") return describeCheck(answer, context);
  return answer.method === "outline" ? describeOutline(answer) : describeTargets(answer);
}

function describeCheck({ findings, source, error }: Answer<"check">, context: CliContext): string {
  const { stdout, env } = context;
  const colours = chooseColours({ isTTY: stdout.isTTY, env });
  const columns = stdout.isTTY ? chooseColumns(stdout.columns, env) : undefined;
  const blocks = findings.map(({ rule, message, description, docs, at }) => {
    const facts = { code: rule, message, details: { at, hint: `${description}\n${docs}` } };
    return `${renderErrorBlock(facts, { source, colours, columns, level: "warning" })}\n`;
  });
  const count = findings.length === 0 ? "no warnings" : formatCount(findings.length, "warning");
  // Where an error follows, nothing is complete.
  return blocks.join("") + (error === undefined ? `Check complete, ${count} found.\n` : "");
}

/** An error that a build would end with comes last on the screen, whatever the format. */
function endCheck({ findings, source, error }: Answer<"check">, call: Call, context: CliContext): number {
  if (error === undefined) return findings.length > 0 && !call.ignoresStatus ? 1 : 0;
  return writeError(error, source, context);
}

function writeError(error: BuildError, source: SourceText | undefined, { stderr, env }: CliContext): number {
  const colours = chooseColours({ isTTY: stderr.isTTY, env });
  const columns = stderr.isTTY ? chooseColumns(stderr.columns, env) : undefined;
  stderr.write(renderErrorBlock(error, { source, colours, columns }));
  return exitCodeOf(error);
}

function describeOutline({ outline }: Answer<"outline">): string {
  const { name, description, args, secrets, ssh, caches } = outline;
  const head =
    name === undefined && description === undefined
      ? ""
      : `TARGET:      ${safeName(name ?? "(default)")}\n` +
        (description === undefined ? "\n" : `DESCRIPTION: ${safeName(description)}\n\n`);
  const required = {
    header: "REQUIRED",
    cell: (row: { isRequired: boolean }) => (row.isRequired ? "true" : ""),
  };
  return [
    head,
    section(
      [
        { header: "BUILD ARG", cell: (row) => row.name },
        { header: "VALUE", cell: (row) => row.value },
        { header: "DESCRIPTION", cell: (row) => row.description ?? "" },
      ],
      args,
    ),
    section([{ header: "SECRET", cell: (row) => row.name }, required], secrets),
    section([{ header: "SSH", cell: (row) => row.name }, required], ssh),
    section([{ header: "CACHE", cell: (row) => row.name }], caches),
  ].join("");
}

function section<Row>(columns: Parameters<typeof formatTable<Row>>[0], rows: readonly Row[]): string {
  return rows.length === 0 ? "" : `${formatTable(columns, rows)}\n`;
}

function describeTargets({ targets }: Answer<"targets">): string {
  return formatTable(
    [
      {
        header: "TARGET",
        cell: ({ name, isDefault }) => [name ?? "", ...(isDefault ? ["(default)"] : [])].join(" ").trim(),
      },
      { header: "BASE", cell: ({ base }) => base },
      { header: "PLATFORM", cell: ({ platform }) => platform ?? "" },
      { header: "DESCRIPTION", cell: ({ description }) => description ?? "" },
    ],
    targets,
  );
}
