import { BuildError } from "../../core/errors.ts";
import { formatRepository, parseReference } from "../../core/reference.ts";
import { createEngine } from "../../engine.ts";
import { namesOfRepository } from "../../operations/list-images.ts";
import { pushImage } from "../../operations/push-image.ts";
import type { Command } from "../command.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const pushCommand: Command = {
  names: ["push", "image push"],
  usage: "push [OPTIONS] NAME[:TAG]",
  summary: "Upload an image to the registry that its name says",
  flags: [
    { name: "quiet", short: "q", help: "Print nothing but the image's name" },
    { name: "all-tags", short: "a", help: "Push every tag of the repository" },
    {
      name: "compression",
      value: "NAME",
      help: "gzip or zstd (default: pulled layers as they came, built ones gzip)",
    },
    AUTH_FILE_FLAG,
    { name: "disable-content-trust", help: "", note: "images are not signed" },
  ],
  run: async (args, context) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0)
      throw new BuildError("cli/usage", "push takes one name", {
        hint: "Write: tsbuild push localhost:5000/hello:1.0.0",
      });
    const quiet = args.has("quiet");
    const compression = compressionOf(args.get("compression"));
    await using engine = await createEngine({ env: context.env });
    const { shop } = engine;
    const names = args.has("all-tags") ? namesOfRepository(name, shop) : [name];
    if (!quiet)
      context.stderr.write(`The push refers to repository [${formatRepository(parseReference(name))}]\n`);
    for (const each of names) {
      const display = createTransferDisplay(context, { quiet });
      const { emit } = display;
      const how = { shop, emit, signal: context.signal, authFile: args.get("authfile"), compression };
      const { reference, digest, sizeBytes } = await pushImage(each, how).finally(display.finish);
      const line = quiet
        ? `${formatRepository(reference)}:${reference.tag}`
        : `${reference.tag}: digest: ${digest} size: ${sizeBytes}`;
      context.stdout.write(`${line}\n`);
    }
    return 0;
  },
};

function compressionOf(text: string | undefined): "gzip" | "zstd" | undefined {
  if (text === undefined || text === "gzip" || text === "zstd") return text;
  throw new BuildError("cli/usage", `--compression=${text} is not known`, { hint: "Choose gzip or zstd." });
}
