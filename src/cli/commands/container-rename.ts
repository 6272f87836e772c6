import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { renameContainer } from "../../operations/rename-container.ts";
import type { Command } from "../command.ts";

export const containerRenameCommand: Command = {
  names: ["rename", "container rename"],
  usage: "rename CONTAINER NAME",
  summary: "Give a container another name",
  flags: [],
  run: async ({ positionals: [container, name, ...more] }, { env }) => {
    if (container === undefined || name === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "rename takes a container and its new name", {
        hint: "Write: tsbuild rename web old-web",
      });
    }
    await using engine = await createEngine({ env });
    renameContainer(container, name, engine.shop);
    return 0;
  },
};
