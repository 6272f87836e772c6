import { BuildError } from "../../core/errors.ts";
import { parsePlatform } from "../../core/platform.ts";
import { createEngine } from "../../engine.ts";
import { importImage } from "../../operations/import-image.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import type { Command } from "../command.ts";
import { epochOf } from "../epoch.ts";
import { openForReading } from "../open-input.ts";

export const importCommand: Command = {
  names: ["import", "image import"],
  usage: "import [OPTIONS] FILE|- [NAME[:TAG]]",
  summary: "Make an image of one layer from the tar of a root file system",
  flags: [
    {
      name: "change",
      short: "c",
      value: "INSTRUCTION",
      many: true,
      help: "Apply a Dockerfile instruction to the image (CMD, ENV, …)",
    },
    { name: "message", short: "m", value: "TEXT", help: "Comment of the history row" },
    { name: "platform", value: "OS/ARCH", help: "Platform of the file system (default: this machine's)" },
  ],
  run: async (args, context) => {
    const [file, name, ...more] = args.positionals;
    if (file === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "import takes a file (or -) and a name", {
        hint: "Write: tsbuild import rootfs.tar base:latest",
      });
    }
    const written = args.get("platform");
    const platform = written === undefined ? HOST_PLATFORM : parsePlatform(written, HOST_PLATFORM);
    if (platform === undefined) throw new BuildError("cli/usage", `"${written}" is not a platform`);
    await using engine = await createEngine({ env: context.env });
    const image = await importImage(
      {
        source: openForReading(file, context),
        tags: name === undefined ? [] : [name],
        changes: args.all("change"),
        message: args.get("message") ?? (file === "-" ? undefined : `Imported from ${file}`),
        platform,
        signal: context.signal,
        epochSeconds: epochOf(context.env),
      },
      engine.shop,
    );
    context.stdout.write(`${image.id}\n`);
    return 0;
  },
};
