import { BuildError } from "../../core/errors.ts";
import type { Command } from "../command.ts";
import { toBuildOptions } from "./build.ts";
import { BUILD_FLAGS } from "./build-flags.ts";
import { runCall } from "./call.ts";

const OF_BUILD = ["file", "build-arg", "target", "platform", "pull"];

export const checkCommand: Command = {
  names: ["check"],
  usage: "check [OPTIONS] PATH|-",
  summary: "Check a Dockerfile without building it; exit 1 where something is found",
  flags: [
    ...BUILD_FLAGS.filter(({ name }) => OF_BUILD.includes(name)),
    { name: "format", value: "FORMAT", help: "text (default) or json" },
  ],
  run: async (args, context) => {
    const format = args.get("format") ?? "text";
    if (format !== "text" && format !== "json") {
      throw new BuildError("cli/usage", `--format=${format} is not a format`, {
        hint: "Choose text or json.",
      });
    }
    if (args.positionals.length !== 1) {
      throw new BuildError("cli/usage", "check takes one folder", { hint: "Write: tsbuild check ." });
    }
    return await runCall(`check,format=${format}`, toBuildOptions(args, context), context);
  },
};
