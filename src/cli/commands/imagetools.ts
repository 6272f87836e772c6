import { BuildError } from "../../core/errors.ts";
import { formatFull } from "../../core/reference.ts";
import { combineImages } from "../../operations/combine-images.ts";
import { inspectRemote, type RemoteManifest } from "../../operations/inspect-remote.ts";
import type { Command } from "../command.ts";
import { compileTemplate } from "../template/run-template.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const imagetoolsInspectCommand: Command = {
  names: ["imagetools inspect", "buildx imagetools inspect"],
  usage: "imagetools inspect [OPTIONS] NAME",
  summary: "Show what a name stands for in its registry",
  flags: [
    { name: "raw", help: "The document, byte for byte" },
    { name: "format", value: "FORMAT", help: "json, or a template over .Name and .Manifest" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, { env, signal, stdout }) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0) throw usage("imagetools inspect takes one name");
    const format = args.get("format");
    if (args.has("raw") && format !== undefined) throw usage("--raw and --format contradict each other");
    const line = format === undefined || format === "json" ? undefined : compileTemplate(format);
    const found = await inspectRemote(name, { env, signal, authFile: args.get("authfile") });
    if (args.has("raw")) stdout.write(found.bytes);
    else if (format === "json") stdout.write(`${JSON.stringify(templateData(found))}\n`);
    else stdout.write(line === undefined ? describe(found) : `${line(templateData(found))}\n`);
    return 0;
  },
};

export const imagetoolsCreateCommand: Command = {
  names: ["imagetools create", "buildx imagetools create"],
  usage: "imagetools create [OPTIONS] -t NAME SOURCE…",
  summary: "Put one name over several images, without pulling them",
  flags: [
    { name: "tag", short: "t", value: "NAME", many: true, help: "What the result is called; several times" },
    { name: "append", help: "Add to what the names stand for" },
    {
      name: "annotation",
      value: "[TYPE:]KEY=VALUE",
      many: true,
      help: "Of the index, or of entries: manifest-descriptor[linux/arm64]:KEY=VALUE",
    },
    { name: "dry-run", help: "Print the document, send nothing" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, context) => {
    const tags = args.all("tag");
    const options = {
      sources: args.positionals,
      tags,
      append: args.has("append"),
      annotations: args.all("annotation"),
      dryRun: args.has("dry-run"),
    };
    if (options.sources.length === 0) throw usage("imagetools create needs at least one source");
    if (tags.length === 0 && (!options.dryRun || options.append))
      throw usage("imagetools create needs a name for the result (-t)");
    const { emit, finish } = createTransferDisplay(context, { quiet: false });
    const { env, signal, stdout } = context;
    const how = { env, signal, emit, authFile: args.get("authfile") };
    const { digest, bytes, targets } = await combineImages(options, how).finally(finish);
    if (options.dryRun) stdout.write(`${JSON.stringify(JSON.parse(bytes.toString("utf8")), null, 2)}\n`);
    else for (const target of targets) stdout.write(`${formatFull(target)}: digest: ${digest}\n`);
    return 0;
  },
};

/** The fields that buildx has: `{{.Name}}`, `{{json .Manifest}}`, `{{.Manifest.Digest}}` as `{{.Manifest.digest}}` too. */
function templateData({ name, mediaType, digest, size, bytes }: RemoteManifest) {
  const document: object = JSON.parse(bytes.toString("utf8"));
  const manifest = { ...document, mediaType, digest, size };
  return { Name: name, Manifest: manifest, name, manifest };
}

function describe({ name, mediaType, digest, entries }: RemoteManifest): string {
  const head = `Name:      ${name}\nMediaType: ${mediaType}\nDigest:    ${digest}\n`;
  if (entries.length === 0) return head;
  const rows = entries.map((entry) => {
    const notes = Object.entries(entry.annotations).map(([key, value]) => `    ${key}: ${value}`);
    const lines = [
      `  Name:        ${entry.name}`,
      `  MediaType:   ${entry.mediaType}`,
      ...(entry.platform === undefined ? [] : [`  Platform:    ${entry.platform}`]),
      ...(notes.length === 0 ? [] : ["  Annotations:", ...notes]),
    ];
    return lines.join("\n");
  });
  return `${head}\nManifests:\n${rows.join("\n\n")}\n`;
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, { hint: "See tsbuild imagetools create --help." });
}
