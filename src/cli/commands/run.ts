import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { runImage } from "../../operations/run-image.ts";
import { NeedsUserNamespace } from "../../operations/workshop.ts";
import type { Command } from "../command.ts";
import { reexecute } from "../reexecute.ts";

export const runCommand: Command = {
  names: ["run"],
  usage: "run [OPTIONS] IMAGE [COMMAND] [ARG…]",
  summary: "Run an image's command once, in a copy that is thrown away",
  stopAtFirst: true,
  flags: [
    { name: "env", short: "e", value: "NAME[=VALUE]", many: true, help: "Set a variable" },
    { name: "workdir", short: "w", value: "DIR", help: "Working directory" },
    { name: "user", short: "u", value: "USER[:GROUP]", help: "User to run as" },
    { name: "entrypoint", value: "PROGRAM", help: "Replace the image's ENTRYPOINT" },
    { name: "network", value: "MODE", help: "host (default) or none" },
    { name: "executor", value: "NAME", help: "auto, native, oci or unshare" },
    { name: "rm", help: "Accepted: the copy is always thrown away" },
    { name: "interactive", short: "i", help: "Accepted: standard input is always passed on" },
    { name: "tty", short: "t", help: "Accepted: a terminal is always passed on" },
  ],
  run: async (args, context) => {
    const [image, ...command] = args.positionals;
    if (image === undefined)
      throw new BuildError("cli/usage", "run needs an image", { hint: "Write: tsbuild run hello:1.0.0" });
    const network = args.get("network") ?? "host";
    if (network !== "host" && network !== "none") {
      throw new BuildError("cli/usage", `--network=${network} is not a network`, {
        hint: "Choose host or none.",
      });
    }
    const env = args.all("env").flatMap((word) => {
      if (word.includes("=")) return [word];
      const value = context.env[word];
      return value === undefined ? [] : [`${word}=${value}`];
    });
    await using engine = await createEngine({ env: context.env });
    try {
      return await runImage(
        {
          image,
          args: command,
          entrypoint: args.get("entrypoint"),
          env,
          workdir: args.get("workdir"),
          user: args.get("user"),
          network,
          executor: args.get("executor") ?? "auto",
          signal: context.signal,
        },
        engine.shop,
      );
    } catch (error) {
      if (error instanceof NeedsUserNamespace) return await reexecute();
      throw error;
    }
  },
};
