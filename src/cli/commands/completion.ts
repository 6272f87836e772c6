import { BuildError } from "../../core/errors.ts";
import type { Command } from "../command.ts";
import { completionScript, SHELLS } from "../completion.ts";
import { BUILD_FLAGS } from "./build-flags.ts";

export const completionCommand: Command = {
  names: ["completion"],
  usage: "completion bash|zsh|fish",
  summary: "Print a completion script for a shell",
  flags: [],
  run: async (args, { stdout }) => {
    const shell = SHELLS.find((name) => name === args.positionals[0]);
    if (shell === undefined || args.positionals.length > 1) {
      throw new BuildError("cli/usage", "completion takes the name of a shell", {
        hint: "Write: source <(tsbuild completion bash)",
      });
    }
    const { loadCommands } = await import("../commands.ts");
    stdout.write(completionScript(shell, await loadCommands(), BUILD_FLAGS));
    return 0;
  },
};
