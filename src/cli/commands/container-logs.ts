import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { containerLogs } from "../../operations/container-logs.ts";
import type { Command } from "../command.ts";

export const containerLogsCommand: Command = {
  names: ["logs", "container logs"],
  usage: "logs [OPTIONS] CONTAINER",
  summary: "Print what a container has written",
  flags: [
    { name: "follow", short: "f", help: "Go on until it ends" },
    { name: "tail", short: "n", value: "NUMBER", help: "The last so many lines (all)" },
    { name: "timestamps", short: "t", help: "Put the time before each line" },
    { name: "since", value: "TIME", help: "Only what came since 10m ago, or since a date" },
    { name: "until", value: "TIME", help: "Only what came before" },
    { name: "details", help: "", note: "there are no further details" },
  ],
  run: async (args, { env, stdout, stderr, signal }) => {
    const [container, ...more] = args.positionals;
    if (container === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "logs takes one container", { hint: "Write: tsbuild logs web" });
    }
    await using engine = await createEngine({ env });
    const options = {
      container,
      follow: args.has("follow"),
      tail: args.get("tail") ?? "all",
      since: args.get("since"),
      until: args.get("until"),
      signal,
    };
    const withTimes = args.has("timestamps");
    for await (const { stream, text, time } of containerLogs(options, engine.shop)) {
      (stream === "stdout" ? stdout : stderr).write(withTimes ? `${time} ${text}` : text);
    }
    return 0;
  },
};
