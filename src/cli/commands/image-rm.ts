import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { removeImages } from "../../operations/remove-images.ts";
import type { Command } from "../command.ts";

export const imageRmCommand: Command = {
  names: ["rmi", "image rm", "image remove"],
  usage: "rmi [OPTIONS] IMAGE [IMAGE…]",
  summary: "Remove images; of an image with several names, the name",
  flags: [
    {
      name: "force",
      short: "f",
      help: "Remove an image by id though it has several names; pass over what is not there",
    },
    { name: "no-prune", help: "", note: "layers that the cache needs are always kept" },
  ],
  run: async (args, { env, stdout }) => {
    if (args.positionals.length === 0)
      throw new BuildError("cli/usage", "rmi needs an image", { hint: "Write: tsbuild rmi hello:1.0.0" });
    const force = args.has("force");
    await using engine = await createEngine({ env });
    const errors: BuildError[] = [];
    for (const removal of removeImages(args.positionals, force, engine.shop)) {
      if ("error" in removal) {
        if (!force || removal.error.code !== "image/not-found") errors.push(removal.error);
        continue;
      }
      for (const name of removal.untagged) stdout.write(`Untagged: ${name}\n`);
      for (const digest of removal.deleted) stdout.write(`Deleted: ${digest}\n`);
    }
    const [first, ...others] = errors;
    if (first === undefined) return 0;
    if (others.length === 0) throw first;
    throw new BuildError(first.code, errors.map(({ message }) => message).join("\n"), {
      hint: first.details.hint,
    });
  },
};
