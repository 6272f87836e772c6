import { basename, dirname } from "node:path";
import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { pruneCache } from "../../operations/prune-cache.ts";
import type { CacheMountEntry, RecordEntry } from "../../operations/types.ts";
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
    const { records, cacheMounts } = engine.shop.store;
    const digits = args.has("no-trunc") ? 64 : 12;
    const rows = [
      ...[...records.entries()].map((entry) => recordRow(entry, digits)),
      ...cacheMounts.list().map(mountRow),
    ].toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
    if (args.get("format") === "json")
      stdout.write(rows.map((row) => `${JSON.stringify(row.json)}\n`).join(""));
    else stdout.write(table(rows, Date.now()));
    return 0;
  },
};

export const cachePruneCommand: Command = {
  names: ["cache prune", "builder prune", "buildx prune"],
  usage: "cache prune [OPTIONS]",
  summary: "Remove results that were not used for a week, and layers that nothing else needs",
  flags: [
    { name: "all", short: "a", help: "All results" },
    {
      name: "filter",
      value: "NAME=VALUE",
      many: true,
      help: "until=24h: only what was not used for so long; type=exec.cachemount or regular",
    },
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
      `${formatCount(report.records, "result")}, ${formatCount(report.cacheMounts, "cache mount")}, ${formatCount(report.layers, "layer")}, ${formatCount(report.builds, "build record")} removed\n` +
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

interface Row {
  readonly key: string;
  readonly type: "regular" | "exec.cachemount";
  readonly bytes: number;
  readonly took: string;
  readonly lastUsedMs: number;
  readonly text: string;
  readonly json: object;
}

function recordRow({ record, lastUsedMs }: RecordEntry, digits: number): Row {
  const { key, layer, created, tookMs, about } = record;
  const bytes = layer?.size ?? 0;
  return {
    key: key.id.slice(0, digits),
    type: "regular",
    bytes,
    took: formatSeconds(tookMs / 1000),
    lastUsedMs,
    text: about.title,
    json: {
      type: "regular",
      key: key.id,
      model: key.model,
      step: about.title,
      dockerfile: about.dockerfile,
      layer,
      created,
      seconds: tookMs / 1000,
      lastUsed: new Date(lastUsedMs).toISOString(),
    },
  };
}

function mountRow({ id, slot, path, sizeBytes, lastUsedMs }: CacheMountEntry): Row {
  const lastUsed = new Date(lastUsedMs).toISOString();
  return {
    key: basename(dirname(path)).slice(0, 12),
    type: "exec.cachemount",
    bytes: sizeBytes,
    took: "",
    lastUsedMs,
    text: slot === 0 ? `mount ${id}` : `mount ${id} (private ${slot + 1})`,
    json: { type: "exec.cachemount", id, slot, path, size: sizeBytes, lastUsed },
  };
}

function table(rows: readonly Row[], nowMs: number): string {
  return formatTable<Row>(
    [
      { header: "KEY", cell: ({ key }) => key },
      { header: "TYPE", cell: ({ type }) => type },
      { header: "SIZE", cell: ({ bytes }) => formatDockerSize(bytes) },
      { header: "TOOK", cell: ({ took }) => took },
      { header: "LAST USED", cell: ({ lastUsedMs }) => formatAge(nowMs - lastUsedMs) },
      { header: "STEP", cell: ({ text }) => text },
    ],
    rows,
  );
}
