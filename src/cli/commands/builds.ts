import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { buildLogs, listBuilds, requireBuild } from "../../operations/list-builds.ts";
import type { BuildRecord } from "../../operations/record-build.ts";
import { formatAge, formatSeconds } from "../../progress/format.ts";
import { safeOutput } from "../../progress/safe-text.ts";
import { formatTable } from "../../progress/tables.ts";
import type { Command } from "../command.ts";

export const buildsLsCommand: Command = {
  names: ["builds ls", "builds list", "builds"],
  usage: "builds ls [OPTIONS]",
  summary: "List the builds that were recorded, the latest first",
  flags: [
    { name: "quiet", short: "q", help: "Only ids" },
    { name: "format", value: "FORMAT", help: "table (default) or json, a line a build" },
  ],
  run: async (args, { env, stdout }) => {
    if (args.positionals.length > 0)
      throw usage("builds ls takes no arguments", "Write: tsbuild builds inspect BUILD");
    await using engine = await createEngine({ env });
    const records = listBuilds(engine.shop.store);
    if (args.has("quiet")) stdout.write(records.map(({ id }) => `${id}\n`).join(""));
    else if (args.get("format") === "json")
      stdout.write(records.map((record) => `${JSON.stringify(summaryOf(record))}\n`).join(""));
    else stdout.write(table(records, Date.now()));
    return 0;
  },
};

export const buildsInspectCommand: Command = {
  names: ["builds inspect"],
  usage: "builds inspect [BUILD]",
  summary: "Print the record of a build as json (default: the latest)",
  flags: [],
  run: async (args, { env, stdout }) => {
    await using engine = await createEngine({ env });
    const ids = args.positionals.length === 0 ? [undefined] : args.positionals;
    const records = ids.map((id) => requireBuild(id, engine.shop.store));
    stdout.write(`${JSON.stringify(records, null, 2)}\n`);
    return 0;
  },
};

export const buildsLogsCommand: Command = {
  names: ["builds logs"],
  usage: "builds logs [OPTIONS] [BUILD]",
  summary: "Print the whole output of a build's steps (default: the latest build)",
  flags: [
    { name: "step", value: "N", help: "Only the steps of this number" },
    { name: "raw", help: "Byte for byte, control characters too" },
  ],
  run: async (args, { env, stdout }) => {
    await using engine = await createEngine({ env });
    const { store } = engine.shop;
    const only = args.get("step");
    const logs = buildLogs(requireBuild(args.positionals[0], store), store).filter(
      ({ step }) => only === undefined || String(step.ordinal) === only,
    );
    for (const { step, log } of logs) {
      if (logs.length > 1) stdout.write(`==> step ${step.ordinal}/${step.total} ${step.instruction} <==\n`);
      stdout.write(args.has("raw") ? log : harmless(log));
    }
    return 0;
  },
};

export const buildsRmCommand: Command = {
  names: ["builds rm"],
  usage: "builds rm BUILD [BUILD…]",
  summary: "Remove records of builds; images and cache stay",
  flags: [{ name: "all", short: "a", help: "All records" }],
  run: async (args, { env, stdout }) => {
    await using engine = await createEngine({ env });
    const { store } = engine.shop;
    if (args.positionals.length === 0 && !args.has("all"))
      throw usage("builds rm needs a build", "See tsbuild builds ls, or write --all.");
    const ids = args.has("all")
      ? store.builds.list()
      : args.positionals.map((text) => requireBuild(text, store).id);
    for (const id of ids) if (store.builds.remove(id)) stdout.write(`${id}\n`);
    return 0;
  },
};

function table(records: readonly BuildRecord[], nowMs: number): string {
  return formatTable<BuildRecord>(
    [
      { header: "BUILD ID", cell: ({ id }) => id },
      { header: "IMAGE", cell: ({ tags, image }) => tags[0] ?? (image === null ? "" : "<none>") },
      {
        header: "RESULT",
        cell: ({ image, error }) => (image === null && error !== null ? "failed" : "built"),
      },
      { header: "HITS", cell: hits },
      { header: "TOOK", cell: ({ seconds }) => (seconds === undefined ? "" : formatSeconds(seconds)) },
      { header: "CREATED", cell: ({ startedAt }) => formatAge(nowMs - Date.parse(startedAt)) },
      { header: "DOCKERFILE", cell: ({ dockerfile }) => dockerfile },
    ],
    records,
  );
}

function hits({ steps }: BuildRecord): string {
  const count = (result: string) => steps.filter((step) => step.result === result).length;
  return `${count("HIT")}/${steps.length - count("SKIP")}`;
}

function summaryOf({ id, startedAt, seconds, dockerfile, context, tags, image }: BuildRecord) {
  return { id, startedAt, seconds: seconds ?? null, dockerfile, context, tags, image };
}

function harmless(log: Buffer): string {
  const lines = log.toString("utf8").split("\n");
  return lines.map((line) => safeOutput(line, { colours: false })).join("\n");
}

function usage(message: string, hint: string): BuildError {
  return new BuildError("cli/usage", message, { hint });
}
