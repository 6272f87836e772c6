import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { requirePlatform } from "../../operations/plan-options.ts";
import { saveImages } from "../../operations/save-images.ts";
import type { Command } from "../command.ts";
import { writeFileFrom, writeStreamFrom } from "../write-output.ts";

const FORMATS = ["docker-archive", "oci-archive"] as const;
const COMPRESSIONS = ["gzip", "zstd"] as const;

export const saveCommand: Command = {
  names: ["save", "image save"],
  usage: "save [OPTIONS] IMAGE [IMAGE…]",
  summary: "Write images into an archive that docker load, skopeo and tsbuild load read",
  flags: [
    { name: "output", short: "o", value: "FILE", help: "Write to a file instead of standard output" },
    { name: "format", value: "FORMAT", help: "docker-archive (default; an OCI layout too) or oci-archive" },
    {
      name: "compress",
      value: "METHOD",
      help: "gzip or zstd: the layers of an oci-archive, the whole of a docker-archive",
    },
    {
      name: "platform",
      value: "OS/ARCH",
      help: "Of an image of several platforms: this one (an oci-archive holds all, if none is given)",
    },
  ],
  run: async (args, context) => {
    if (args.positionals.length === 0)
      throw new BuildError("cli/usage", "save needs an image", {
        hint: "Write: tsbuild save -o hello.tar hello:1.0.0",
      });
    const format = oneOf(FORMATS, "format", args.get("format") ?? "docker-archive");
    const method = args.get("compress");
    const compression = method === undefined ? undefined : oneOf(COMPRESSIONS, "compress", method);
    const output = args.get("output");
    if (output === undefined && context.stdout.isTTY) {
      throw new BuildError("cli/usage", "an archive is not written to a terminal", {
        hint: "Use -o FILE, or redirect it.",
      });
    }
    await using engine = await createEngine({ env: context.env });
    const wanted = args.get("platform");
    const platform = wanted === undefined ? undefined : requirePlatform(wanted);
    const options = { images: args.positionals, format, compress: compression, platform };
    const bytes = saveImages(options, engine.shop);
    await (output === undefined ? writeStreamFrom(context.stdout, bytes) : writeFileFrom(output, bytes));
    return 0;
  },
};

function oneOf<T extends string>(choices: readonly T[], flag: string, text: string): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new BuildError("cli/usage", `--${flag}=${text} is none of ${choices.join(", ")}`, {
    hint: `Choose ${choices.join(" or ")}.`,
  });
}
