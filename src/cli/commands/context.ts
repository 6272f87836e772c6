import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import {
  type ContextFinding,
  type ContextSurvey,
  surveyContext,
  whySent,
} from "../../operations/survey-context.ts";
import { formatBytes, formatCount, formatDockerSize } from "../../progress/format.ts";
import { safeName } from "../../progress/safe-text.ts";
import { formatTable } from "../../progress/tables.ts";
import type { FlagSpec } from "../args.ts";
import type { Command } from "../command.ts";

const FLAGS: readonly FlagSpec[] = [
  {
    name: "file",
    short: "f",
    value: "FILE",
    help: "The Dockerfile, whose own .dockerignore comes before the context's",
  },
  { name: "format", value: "FORMAT", help: "table (default) or json" },
];

export const contextLsCommand: Command = {
  names: ["context ls", "context list"],
  usage: "context ls [OPTIONS] [PATH|-]",
  summary: "Show what a build is sent, what .dockerignore leaves out, and what looks like a slip",
  flags: [...FLAGS, { name: "quiet", short: "q", help: "Only the paths that are sent" }],
  run: async (args, { env, stdin, stdout }) => {
    const [path = ".", ...more] = args.positionals;
    if (more.length > 0) throw usage("context ls takes one folder");
    await using engine = await createEngine({ env });
    const question = { context: path, dockerfile: args.get("file"), stdin };
    const survey = await surveyContext(question, engine.shop);
    if (formatOf(args.get("format")) === "json") stdout.write(`${JSON.stringify({ v: 1, ...survey })}\n`);
    else if (args.has("quiet")) stdout.write(survey.files.map((file) => `${safeName(file.path)}\n`).join(""));
    else stdout.write(surveyText(survey, path));
    return 0;
  },
};

export const contextWhyCommand: Command = {
  names: ["context why"],
  usage: "context why [OPTIONS] PATH FILE…",
  summary: "Say which line of .dockerignore keeps or drops each of these files",
  flags: FLAGS,
  run: async (args, { env, stdin, stdout }) => {
    const [context, ...files] = args.positionals;
    if (context === undefined || files.length === 0)
      throw usage("context why needs a folder and files in it");
    await using engine = await createEngine({ env });
    const question = { context, dockerfile: args.get("file"), stdin };
    const reasons = await whySent(question, files, engine.shop);
    if (formatOf(args.get("format")) === "json") {
      const rows = reasons.map(({ path, ignored, rule, matched, ignoreFile }) => ({
        path,
        sent: !ignored,
        ignoreFile,
        line: rule?.line ?? null,
        rule: rule?.text.trim() ?? null,
        matched: matched ?? null,
      }));
      stdout.write(`${JSON.stringify({ v: 1, files: rows })}\n`);
      return 0;
    }
    stdout.write(
      formatTable(
        [
          { header: "SENT", cell: ({ ignored }) => (ignored ? "no" : "yes") },
          { header: "FILE", cell: ({ path }) => path },
          { header: "DECIDED BY", cell: decidedBy },
        ],
        reasons,
      ),
    );
    return 0;
  },
};

type Reason = Awaited<ReturnType<typeof whySent>>[number];

function decidedBy({ rule, matched, path, ignoreFile }: Reason): string {
  if (rule === undefined) return ignoreFile === null ? "no .dockerignore" : `no line of ${ignoreFile}`;
  const where = matched === undefined || matched === path ? "" : `, which matches ${matched}`;
  return `${ignoreFile ?? ""}:${rule.line} ${rule.text.trim()}${where}`;
}

function surveyText(survey: ContextSurvey, context: string): string {
  const { files, bytes, leftOut, ignoreFile } = survey;
  const parts = [
    `${formatCount(files.length, "file")}, ${formatBytes(bytes)} from ${safeName(context)}\n`,
    files.length === 0
      ? ""
      : `\n${formatTable(
          [
            { header: "SIZE", cell: (file) => formatDockerSize(file.bytes) },
            {
              header: "FILE",
              cell: (file) => (file.type === "symlink" ? `${file.path} (symlink)` : file.path),
            },
          ],
          files,
        )}`,
    survey.folders.length < 2
      ? ""
      : `\n${formatTable(
          [
            { header: "SIZE", cell: (folder) => formatDockerSize(folder.bytes) },
            { header: "FILES", cell: (folder) => String(folder.files) },
            { header: "FOLDER", cell: (folder) => folder.path },
          ],
          survey.folders,
        )}`,
    leftOut.length === 0
      ? ""
      : `\n${formatTable(
          [
            { header: "LEFT OUT", cell: (row) => (row.isDir ? `${row.path}/` : row.path) },
            { header: "BY", cell: ({ rule }) => `${ignoreFile ?? ""}:${rule.line} ${rule.text.trim()}` },
          ],
          leftOut,
        )}`,
    survey.findings.length === 0
      ? ""
      : `\n${survey.findings.map((one) => findingText(one, ignoreFile)).join("")}`,
  ];
  return parts.join("");
}

/** One line each, with what to do. */
function findingText(finding: ContextFinding, ignoreFile: string | null): string {
  const path = safeName(finding.path);
  const file = ignoreFile ?? ".dockerignore";
  const size = `${formatCount(finding.files, "file")}, ${formatBytes(finding.bytes)}`;
  switch (finding.kind) {
    case "repository":
      return `warning: ${path} is sent (${size}), and every commit changes it: add ${path} to ${file}\n`;
    case "dependencies":
      return `warning: ${path} is sent (${size}): let a RUN install it, and add ${path} to ${file}\n`;
    case "secret":
      return `warning: ${path} looks like a secret and is sent: add it to ${file}; a RUN gets it by --mount=type=secret\n`;
    case "gitignored":
      return `note: ${path} is sent (${size}), though git ignores it\n`;
    case "unused-rule":
      return `note: ${path}, line ${finding.rule?.line ?? 1}, decides about nothing that is here: ${safeName(finding.rule?.text.trim() ?? "")}\n`;
    default:
      return finding.kind satisfies never;
  }
}

function formatOf(text: string | undefined): "table" | "json" {
  if (text === undefined || text === "table") return "table";
  if (text === "json") return "json";
  throw usage(`--format=${text} is neither table nor json`);
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, { hint: "See tsbuild context ls --help." });
}
