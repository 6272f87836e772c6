import { createEngine } from "../../engine.ts";
import type { StoreUsage } from "../../operations/types.ts";
import { formatDockerSize } from "../../progress/format.ts";
import { formatTable } from "../../progress/tables.ts";
import type { Command } from "../command.ts";

interface Row {
  readonly type: string;
  readonly total: number;
  readonly named: string;
  readonly bytes: number;
  readonly free: string;
}

export const systemDfCommand: Command = {
  names: ["system df"],
  usage: "system df [OPTIONS]",
  summary: "Show what the store takes up, and what a prune can free",
  flags: [{ name: "format", value: "FORMAT", help: "table (default) or json" }],
  run: async (args, { env, stdout }) => {
    await using engine = await createEngine({ env });
    const usage = engine.shop.store.usage();
    if (args.get("format") === "json") stdout.write(`${JSON.stringify(usage)}\n`);
    else stdout.write(table(usage));
    return 0;
  },
};

function table({ images, cache, cacheMounts, layers, builds, containers }: StoreUsage): string {
  const rows: readonly Row[] = [
    {
      type: "Images",
      total: images.count,
      named: String(images.named),
      bytes: images.bytes,
      free: "tsbuild image prune",
    },
    {
      type: "Containers",
      total: containers.count,
      named: `${containers.running} running`,
      bytes: containers.bytes,
      free: "tsbuild container prune",
    },
    { type: "Cache", total: cache.records, named: "", bytes: cache.bytes, free: "tsbuild cache prune" },
    {
      type: "Cache mounts",
      total: cacheMounts.count,
      named: "",
      bytes: cacheMounts.bytes,
      free: "tsbuild cache prune",
    },
    {
      type: "Unpacked layers",
      total: layers.count,
      named: "",
      bytes: layers.bytes,
      free: "goes with images and cache",
    },
    { type: "Build records", total: builds.count, named: "", bytes: builds.bytes, free: "tsbuild builds rm" },
  ];
  return formatTable<Row>(
    [
      { header: "TYPE", cell: ({ type }) => type },
      { header: "TOTAL", cell: ({ total }) => String(total) },
      { header: "NAMED", cell: ({ named }) => named },
      { header: "SIZE", cell: ({ bytes }) => formatDockerSize(bytes) },
      { header: "FREED BY", cell: ({ free }) => free },
    ],
    rows,
  );
}
