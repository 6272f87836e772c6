import { BuildError, isBuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findImage } from "../../operations/find-image.ts";
import { inspectImage } from "../../operations/inspect-image.ts";
import { requirePlatform } from "../../operations/plan-options.ts";
import type { Command } from "../command.ts";
import { compileTemplate } from "../template/run-template.ts";

export const imageInspectCommand: Command = {
  names: ["inspect", "image inspect"],
  usage: "inspect [OPTIONS] IMAGE [IMAGE…]",
  summary: "Show what is known of images, as JSON",
  flags: [
    { name: "format", short: "f", value: "FORMAT", help: "json, or a Go template such as {{json .Config}}" },
    { name: "platform", value: "OS/ARCH", help: "Of an image of several platforms: this one" },
    { name: "type", value: "TYPE", help: "image: nothing else is inspected" },
  ],
  run: async (args, { env, stdout }) => {
    if (args.positionals.length === 0)
      throw new BuildError("cli/usage", "inspect needs an image", {
        hint: "Write: tsbuild inspect hello:1.0.0",
      });
    const format = args.get("format");
    const line =
      format === undefined || format === "" || format === "json" ? undefined : compileTemplate(format);
    await using engine = await createEngine({ env });
    const wanted = args.get("platform");
    const platform = wanted === undefined ? undefined : requirePlatform(wanted);
    const found: unknown[] = [];
    const errors: BuildError[] = [];
    for (const name of args.positionals) {
      try {
        found.push(inspectImage(findImage(name, engine.shop), engine.shop, platform));
      } catch (error) {
        if (!isBuildError(error) || error.code !== "image/not-found") throw error;
        errors.push(error);
      }
    }
    const text = JSON.stringify(found, null, format === "json" ? undefined : 4);
    stdout.write(line === undefined ? `${text}\n` : found.map((image) => `${line(image)}\n`).join(""));
    // As Docker: what was found is printed, and the command fails all the same.
    const [first] = errors;
    if (first !== undefined) throw first;
    return 0;
  },
};
