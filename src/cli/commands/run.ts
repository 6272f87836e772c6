import { createEngine } from "../../engine.ts";
import { requireTerminal, runAttached } from "../attach-container.ts";
import type { Command } from "../command.ts";
import { inNamespace } from "../reexecute.ts";
import { runExitCodeOf, startDetached } from "../start-monitor.ts";
import { createFrom } from "./container-create.ts";
import { CONTAINER_FLAGS } from "./container-flags.ts";

export const runCommand: Command = {
  names: ["run", "container run"],
  usage: "run [OPTIONS] IMAGE [COMMAND] [ARG…]",
  summary: "Make a container of an image and run its command",
  stopAtFirst: true,
  flags: [...CONTAINER_FLAGS, { name: "detach", short: "d", help: "Leave it running and print its id" }],
  exitCodeOf: runExitCodeOf,
  run: async (args, context) => {
    await using engine = await createEngine({ env: context.env });
    const { shop } = engine;
    return await inNamespace(async () => {
      const withStdin = args.has("interactive");
      const isDetached = args.has("detach");
      if (!isDetached) requireTerminal({ hasTerminal: args.has("tty") }, context, withStdin);
      const container = await createFrom(args, context, shop);
      if (!isDetached) return await runAttached(container, shop, { context, withStdin });
      await startDetached(container, shop);
      context.stdout.write(`${container.id}\n`);
      return 0;
    });
  },
};
