import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { createBase } from "../../operations/create-base.ts";
import { formatBytes, shortId } from "../../progress/format.ts";
import type { Command } from "../command.ts";

export const baseCreateCommand: Command = {
  names: ["base create"],
  usage: "base create NAME [PROGRAM…]",
  summary: "Make a base image from programs of this machine; needs no network",
  flags: [{ name: "quiet", short: "q", help: "Print nothing but the image id" }],
  run: async (args, { env, stdout, stderr }) => {
    const [name, ...programs] = args.positionals;
    if (name === undefined) {
      throw new BuildError("cli/usage", "base create needs a name for the image", {
        hint: "Write: tsbuild base create base:latest",
      });
    }
    await using engine = await createEngine({ env });
    const epoch = env["SOURCE_DATE_EPOCH"];
    const epochSeconds = epoch !== undefined && /^\d+$/.test(epoch) ? Number(epoch) : undefined;
    const made = await createBase(engine.shop, { name, programs, epochSeconds });
    if (args.has("quiet")) stdout.write(`${made.id}\n`);
    else stderr.write(`${name}  ${shortId(made.id)}  ${formatBytes(made.sizeBytes)}\n`);
    return 0;
  },
};
