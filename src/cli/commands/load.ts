import { statSync } from "node:fs";
import { BuildError } from "../../core/errors.ts";
import { parsePlatform } from "../../core/platform.ts";
import { formatFamiliar, parseReference } from "../../core/reference.ts";
import { createEngine } from "../../engine.ts";
import { type LoadedImage, loadImages } from "../../operations/load-images.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import { shortId } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { openForReading } from "../open-input.ts";

export const loadCommand: Command = {
  names: ["load", "image load"],
  usage: "load [OPTIONS] < ARCHIVE",
  summary: "Take in the images of an archive: docker save, skopeo, buildah, OCI; gzip, zstd",
  flags: [
    { name: "input", short: "i", value: "FILE", help: "Read from a file instead of standard input" },
    { name: "quiet", short: "q", help: "Do not list layers as they are read" },
    { name: "platform", value: "OS/ARCH", help: "Which one, where the archive has several (this machine's)" },
  ],
  run: async (args, context) => {
    if (args.positionals.length > 0) {
      throw new BuildError("cli/usage", "load takes no arguments", {
        hint: `Write: tsbuild load -i ${args.positionals[0]}`,
      });
    }
    const written = args.get("platform");
    const platform = written === undefined ? HOST_PLATFORM : parsePlatform(written, HOST_PLATFORM);
    if (platform === undefined) throw new BuildError("cli/usage", `"${written}" is not a platform`);
    const input = args.get("input") ?? "-";
    const isQuiet = args.has("quiet") || !context.stderr.isTTY;
    await using engine = await createEngine({ env: context.env });
    const images = await loadImages(
      {
        source: isPlainFile(input) ? input : openForReading(input, context),
        platform,
        signal: context.signal,
        onLayer: ({ diffId, isHere }) => {
          if (!isQuiet)
            context.stderr.write(`${shortId(diffId)}: ${isHere ? "Already here" : "Loading layer"}\n`);
        },
      },
      engine.shop,
    );
    for (const image of images) context.stdout.write(describe(image));
    return 0;
  },
};

/** Such a file is read where it lies; pipes and devices are streams. */
function isPlainFile(path: string): boolean {
  return path !== "-" && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Docker's lines. */
function describe({ id, names, renamed }: LoadedImage): string {
  const lines = renamed.map(
    ({ name, id: before }) =>
      `The image ${familiar(name)} already exists, renaming the old one with ID ${before} to empty string`,
  );
  const loaded =
    names.length === 0 ? [`Loaded image ID: ${id}`] : names.map((name) => `Loaded image: ${familiar(name)}`);
  return `${[...lines, ...loaded].join("\n")}\n`;
}

function familiar(name: string): string {
  return formatFamiliar(parseReference(name));
}
