import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { killContainer, stopContainer, waitForContainer } from "../../operations/end-containers.ts";
import type { Command } from "../command.ts";
import { forEachName, requireNames } from "../each.ts";

export const containerStopCommand: Command = {
  names: ["stop", "container stop"],
  usage: "stop [OPTIONS] CONTAINER [CONTAINER…]",
  summary: "Ask containers to end, and end them where they do not",
  flags: [
    { name: "time", short: "t", value: "SECONDS", help: "How long they have (10); -1: as long as they want" },
    {
      name: "signal",
      short: "s",
      value: "SIGNAL",
      help: "What asks them (default: the container's, else TERM)",
    },
  ],
  run: async (args, context) => {
    const names = requireNames(args.positionals, "stop web");
    const time = args.get("time");
    if (time !== undefined && !/^-?\d+$/.test(time)) {
      throw new BuildError("cli/usage", `--time=${time} is no number of seconds`);
    }
    const seconds = time === undefined ? undefined : Number(time);
    await using engine = await createEngine({ env: context.env });
    await forEachName(names, async (name) => {
      await stopContainer(name, { seconds, signal: args.get("signal") }, engine.shop);
      context.stdout.write(`${name}\n`);
    });
    return 0;
  },
};

export const containerKillCommand: Command = {
  names: ["kill", "container kill"],
  usage: "kill [OPTIONS] CONTAINER [CONTAINER…]",
  summary: "Send a signal to containers",
  flags: [{ name: "signal", short: "s", value: "SIGNAL", help: "A name or a number (KILL)" }],
  run: async (args, context) => {
    const names = requireNames(args.positionals, "kill web");
    await using engine = await createEngine({ env: context.env });
    await forEachName(names, async (name) => {
      await killContainer(name, args.get("signal") ?? "KILL", engine.shop);
      context.stdout.write(`${name}\n`);
    });
    return 0;
  },
};

export const containerWaitCommand: Command = {
  names: ["wait", "container wait"],
  usage: "wait CONTAINER [CONTAINER…]",
  summary: "Wait until containers have ended, and print their exit codes",
  flags: [],
  run: async (args, context) => {
    const names = requireNames(args.positionals, "wait web");
    await using engine = await createEngine({ env: context.env });
    await forEachName(names, async (name) => {
      context.stdout.write(`${await waitForContainer(name, engine.shop)}\n`);
    });
    return 0;
  },
};
