import { BuildError, isBuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { removeContainer } from "../../operations/end-containers.ts";
import { pruneContainers } from "../../operations/prune-containers.ts";
import { formatDockerSize } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { forEachName, requireNames } from "../each.ts";
import { inNamespace } from "../reexecute.ts";

export const containerRmCommand: Command = {
  names: ["rm", "container rm", "container remove"],
  usage: "rm [OPTIONS] CONTAINER [CONTAINER…]",
  summary: "Remove containers with what they have changed",
  flags: [
    { name: "force", short: "f", help: "End those that run by KILL; pass over what is not there" },
    { name: "volumes", short: "v", help: "Accepted: volumes of a container always go with it" },
    { name: "link", short: "l", help: "", isHidden: true },
  ],
  run: async (args, context) => {
    const names = requireNames(args.positionals, "rm web");
    if (args.has("link")) {
      throw new BuildError("cli/not-supported", "--link cannot be had here: there are no links");
    }
    const force = args.has("force");
    await using engine = await createEngine({ env: context.env });
    return await inNamespace(async () => {
      await forEachName(names, async (name) => {
        try {
          await removeContainer(name, force, engine.shop);
          context.stdout.write(`${name}\n`);
        } catch (error) {
          const isGone = isBuildError(error) && error.code === "container/not-found";
          if (!force || !isGone) throw error;
        }
      });
      return 0;
    });
  },
};

export const containerPruneCommand: Command = {
  names: ["container prune"],
  usage: "container prune [OPTIONS]",
  summary: "Remove all containers that do not run",
  flags: [
    { name: "force", short: "f", help: "Do not ask" },
    { name: "filter", value: "NAME=VALUE", many: true, help: "until=24h, label=KEY[=VALUE] or label!=KEY" },
  ],
  run: async (args, context) => {
    if (args.positionals.length > 0) {
      throw new BuildError("cli/usage", "container prune takes no arguments", {
        hint: "To remove one container: tsbuild rm NAME",
      });
    }
    const warning = "WARNING! This will remove all stopped containers.";
    await using engine = await createEngine({ env: context.env });
    return await inNamespace(async () => {
      engine.shop.requireNamespace();
      const isMeant = args.has("force") || (await confirm(warning, context));
      const { ids, bytes } = isMeant
        ? pruneContainers(args.all("filter"), engine.shop)
        : { ids: [], bytes: 0 };
      const list = ids.length === 0 ? "" : `Deleted Containers:\n${ids.join("\n")}\n\n`;
      context.stdout.write(`${list}Total reclaimed space: ${formatDockerSize(bytes)}\n`);
      return 0;
    });
  },
};
