import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findContainer } from "../../operations/find-container.ts";
import { runAttached } from "../attach-container.ts";
import type { Command } from "../command.ts";
import { forEachName, requireNames } from "../each.ts";
import { inNamespace } from "../reexecute.ts";
import { startDetached } from "../start-monitor.ts";

export const containerStartCommand: Command = {
  names: ["start", "container start"],
  usage: "start [OPTIONS] CONTAINER [CONTAINER…]",
  summary: "Run the command of containers once more, over what they have changed",
  flags: [
    { name: "attach", short: "a", help: "Stay with it: its output here, its exit code at the end" },
    { name: "interactive", short: "i", help: "Stay with it, and pass standard input on" },
  ],
  run: async (args, context) => {
    const names = requireNames(args.positionals, "start web");
    const withStdin = args.has("interactive");
    const isAttached = args.has("attach") || withStdin;
    if (isAttached && names.length > 1) {
      throw new BuildError("cli/usage", "only one container can be attached to", {
        hint: "Leave -a and -i out, or name one container.",
      });
    }
    await using engine = await createEngine({ env: context.env });
    const { shop } = engine;
    return await inNamespace(async () => {
      shop.requireNamespace();
      let exitCode = 0;
      await forEachName(names, async (name) => {
        const { container, state } = findContainer(name, shop);
        if (isAttached) {
          // Docker passes input on only where the container was made with -i.
          const passes = withStdin && container.opensStdin;
          exitCode = await runAttached(container, shop, { context, withStdin: passes });
          return;
        }
        if (state.status !== "running") await startDetached(container, shop);
        context.stdout.write(`${name}\n`);
      });
      return exitCode;
    });
  },
};
