import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { pruneCache } from "../../operations/prune-cache.ts";
import type { RecordEntry } from "../../operations/types.ts";
import { formatAge, formatCount, formatDockerSize, formatSeconds } from "../../progress/format.ts";
import { formatTable } from "../../progress/tables.ts";
import type { CliContext, Command } from "../command.ts";
import { confirm } from "../confirm.ts";

export const cacheLsCommand: Command = {
  names: ["cache ls", "cache list"],
  usage: "cache ls [OPTIONS]",
  summary: "List the results that later builds can hit, the last used first",
  flags: [
    { name: "no-trunc", help: "Whole keys" },
    { name: "format", value: "FORMAT", help: "table (default) or json, a line a record" },
  ],
  run: async (args, { env, stdout }) => {
    if (args.positionals.length > 0)
      throw new BuildError("cli/usage", "cache ls takes no arguments", {
        hint: "See tsbuild cache ls --help.",
      });
    await using engine = await createEngine({ env });
    const entries = [...engine.shop.store.records.entries()].toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
    if (args.get("format") === "json")
      stdout.write(entries.map((entry) => `${JSON.stringify(toJson(entry))}\n`).join(""));
    else stdout.write(table(entries, { nowMs: Date.now(), digits: args.has("no-trunc") ? 64 : 12 }));
    return 0;
  },
};

export const cachePruneCommand: Command = {
  names: ["cache prune", "builder prune", "buildx prune"],
  usage: "cache prune [OPTIONS]",
  summary: "Remove results that were not used for a week, and layers that nothing else needs",
  flags: [
    { name: "all", short: "a", help: "All results" },
    { name: "filter", value: "until=DURATION", many: true, help: "Only what was not used for so long (24h)" },
    {
      name: "keep-storage",
      value: "SIZE",
      help: "Only as much, the least recently used first, as leaves this size",
    },
    { name: "force", short: "f", help: "Do not ask" },
  ],
  run: async (args, context) => {
    if (args.positionals.length > 0)
      throw new BuildError("cli/usage", "cache prune takes no arguments", {
        hint: "See tsbuild cache prune --help.",
      });
    const options = {
      all: args.has("all"),
      filters: args.all("filter"),
      keepStorage: args.get("keep-storage"),
    };
    const what = options.all
      ? "all results of earlier steps"
      : "results of earlier steps that are no longer used";
    if (!args.has("force") && !(await confirm(`WARNING! This will remove ${what}.`, context))) return 0;
    await using engine = await createEngine({ env: context.env });
    const report = pruneCache(options, engine.shop);
    context.stdout.write(
      `${formatCount(report.records, "result")}, ${formatCount(report.layers, "layer")}, ${formatCount(report.builds, "build record")} removed\n` +
        `Total reclaimed space: ${formatDockerSize(report.bytes)}\n`,
    );
    for (const path of report.undeletable)
      context.stderr.write(`warning: ${path} holds files of other users and stays\n`);
    return 0;
  },
};

export const cacheExportCommand: Command = {
  names: ["cache export"],
  usage: "cache export FOLDER",
  summary: "Write the results of this store into a folder, for other machines",
  flags: [],
  run: (args, context) => transfer("export", args.positionals, context),
};

export const cacheImportCommand: Command = {
  names: ["cache import"],
  usage: "cache import FOLDER",
  summary: "Take in the results of such a folder",
  flags: [],
  run: (args, context) => transfer("import", args.positionals, context),
};

async function transfer(
  what: "export" | "import",
  [folder, ...more]: readonly string[],
  { env, stdout, stderr, signal }: CliContext,
): Promise<number> {
  if (folder === undefined || more.length > 0)
    throw new BuildError("cli/usage", `cache ${what} takes one folder`, {
      hint: `Write: tsbuild cache ${what} FOLDER`,
    });
  const { exportCache, importCache } = await import("../../operations/cache-transfer.ts");
  await using engine = await createEngine({ env });
  const warn = (text: string) => void stderr.write(`warning: ${text}\n`);
  const how = { shop: engine.shop, signal, warn };
  const { moved, known } = await (what === "export" ? exportCache(folder, how) : importCache(folder, how));
  stdout.write(`${formatCount(moved, "result")} ${what}ed, ${known} there already\n`);
  return 0;
}

function table(
  entries: readonly RecordEntry[],
  { nowMs, digits }: { readonly nowMs: number; readonly digits: number },
): string {
  return formatTable<RecordEntry>(
    [
      { header: "KEY", cell: ({ record }) => record.key.id.slice(0, digits) },
      { header: "SIZE", cell: ({ record }) => formatDockerSize(record.layer?.size ?? 0) },
      { header: "TOOK", cell: ({ record }) => formatSeconds(record.tookMs / 1000) },
      { header: "LAST USED", cell: ({ lastUsedMs }) => formatAge(nowMs - lastUsedMs) },
      { header: "STEP", cell: ({ record }) => record.about.title },
    ],
    entries,
  );
}

function toJson({ record, lastUsedMs }: RecordEntry) {
  const { key, layer, created, tookMs, about } = record;
  return {
    key: key.id,
    model: key.model,
    step: about.title,
    dockerfile: about.dockerfile,
    layer,
    created,
    seconds: tookMs / 1000,
    lastUsed: new Date(lastUsedMs).toISOString(),
  };
}
