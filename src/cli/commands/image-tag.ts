import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findImage } from "../../operations/find-image.ts";
import { fullName } from "../../operations/keep-image.ts";
import type { Command } from "../command.ts";

export const imageTagCommand: Command = {
  names: ["tag", "image tag"],
  usage: "tag IMAGE NAME[:TAG]",
  summary: "Give an image another name",
  flags: [],
  run: async (args, { env }) => {
    const [image, name, ...more] = args.positionals;
    if (image === undefined || name === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "tag takes an image and a new name", {
        hint: "Write: tsbuild tag hello:1.0.0 hello:latest",
      });
    }
    await using engine = await createEngine({ env });
    engine.shop.store.images.tag(fullName(name), findImage(image, engine.shop).id);
    return 0;
  },
};
