import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { type PrunedImages, pruneImages } from "../../operations/prune-images.ts";
import { familiarName } from "../../operations/remove-images.ts";
import { formatDockerSize } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";

export const imagePruneCommand: Command = {
  names: ["image prune"],
  usage: "image prune [OPTIONS]",
  summary: "Remove images without a name, and with -a all images",
  flags: [
    { name: "all", short: "a", help: "Also images that have names" },
    { name: "force", short: "f", help: "Do not ask" },
    { name: "filter", value: "NAME=VALUE", many: true, help: "until=24h, label=KEY[=VALUE] or label!=KEY" },
  ],
  run: async (args, context) => {
    if (args.positionals.length > 0)
      throw new BuildError("cli/usage", "image prune takes no arguments", {
        hint: "To remove one image: tsbuild rmi NAME",
      });
    const all = args.has("all");
    const what = all ? "all images" : "all dangling images";
    if (!args.has("force") && !(await confirm(`WARNING! This will remove ${what}.`, context))) {
      context.stdout.write(describe({ images: [], bytes: 0 }));
      return 0;
    }
    await using engine = await createEngine({ env: context.env });
    context.stdout.write(describe(pruneImages({ all, filters: args.all("filter") }, engine.shop)));
    return 0;
  },
};

function describe({ images, bytes }: PrunedImages): string {
  const lines = images.flatMap(({ id, names }) => [
    ...names.map((name) => `untagged: ${familiarName(name)}`),
    `deleted: ${id}`,
  ]);
  const list = lines.length === 0 ? "" : `Deleted Images:\n${lines.join("\n")}\n\n`;
  return `${list}Total reclaimed space: ${formatDockerSize(bytes)}\n`;
}
