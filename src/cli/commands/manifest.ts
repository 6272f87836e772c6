import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { inspectRemote, inspectRemoteVerbosely } from "../../operations/inspect-remote.ts";
import {
  annotateManifestList,
  createManifestList,
  findManifestList,
  pushManifestList,
  removeManifestList,
} from "../../operations/manifest-lists.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const manifestInspectCommand: Command = {
  names: ["manifest inspect"],
  usage: "manifest inspect [OPTIONS] NAME",
  summary: "Show a manifest: of a list begun here, else of the registry",
  flags: [
    { name: "verbose", short: "v", help: "Every image of a list, with its descriptor" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, { env, signal, stdout }) => {
    const [name] = take(args, "manifest inspect", 1);
    const how = { env, signal, authFile: args.get("authfile") };
    if (args.has("verbose")) {
      const { isIndex, manifests } = await inspectRemoteVerbosely(name, how);
      const shown = manifests.map(toVerbose);
      stdout.write(`${JSON.stringify(isIndex ? shown : shown[0], null, "\t")}\n`);
      return 0;
    }
    await using engine = await createEngine({ env });
    const bytes = findManifestList(name, engine.shop) ?? (await inspectRemote(name, how)).bytes;
    stdout.write(`${JSON.stringify(JSON.parse(bytes.toString("utf8")), null, "\t")}\n`);
    return 0;
  },
};

export const manifestCreateCommand: Command = {
  names: ["manifest create"],
  usage: "manifest create [OPTIONS] LIST IMAGE [IMAGE…]",
  summary: "Begin a list of images for several platforms, to be pushed under one name",
  flags: [{ name: "amend", short: "a", help: "Add to a list that was begun" }, AUTH_FILE_FLAG],
  run: async (args, { env, signal, stdout }) => {
    const [list, ...images] = args.positionals;
    if (list === undefined || images.length === 0) throw usage("manifest create needs a list and an image");
    await using engine = await createEngine({ env });
    const { shop } = engine;
    const how = { env, signal, shop, amend: args.has("amend"), authFile: args.get("authfile") };
    stdout.write(`Created manifest list ${await createManifestList(list, images, how)}\n`);
    return 0;
  },
};

export const manifestAnnotateCommand: Command = {
  names: ["manifest annotate"],
  usage: "manifest annotate [OPTIONS] LIST IMAGE",
  summary: "Say for which platform an image of a list is",
  flags: [
    { name: "os", value: "NAME", help: "Operating system" },
    { name: "arch", value: "NAME", help: "Architecture" },
    { name: "variant", value: "NAME", help: "Variant of the architecture" },
    { name: "os-version", value: "TEXT", help: "Version of the operating system" },
    { name: "os-features", value: "TEXT", many: true, help: "What it needs of the operating system" },
  ],
  run: async (args, { env }) => {
    const [list, image] = take(args, "manifest annotate", 2);
    const features = args.all("os-features").flatMap((text) => text.split(","));
    const platform = {
      ...named("os", args.get("os")),
      ...named("architecture", args.get("arch")),
      ...named("variant", args.get("variant")),
      ...named("os.version", args.get("os-version")),
      ...(features.length === 0 ? {} : { "os.features": features }),
    };
    if (Object.keys(platform).length === 0) throw usage("manifest annotate needs something to say");
    await using engine = await createEngine({ env });
    annotateManifestList(list, image, { platform, shop: engine.shop });
    return 0;
  },
};

export const manifestPushCommand: Command = {
  names: ["manifest push"],
  usage: "manifest push [OPTIONS] LIST",
  summary: "Put a list into its registry, with the images that it lacks",
  flags: [{ name: "purge", short: "p", help: "Forget the list here afterwards" }, AUTH_FILE_FLAG],
  run: async (args, context) => {
    const [list] = take(args, "manifest push", 1);
    const { env, signal, stdout } = context;
    await using engine = await createEngine({ env });
    const { emit, finish } = createTransferDisplay(context, { quiet: false });
    const { shop } = engine;
    const how = { env, signal, emit, shop, purge: args.has("purge"), authFile: args.get("authfile") };
    stdout.write(`${await pushManifestList(list, how).finally(finish)}\n`);
    return 0;
  },
};

export const manifestRmCommand: Command = {
  names: ["manifest rm"],
  usage: "manifest rm LIST [LIST…]",
  summary: "Forget lists that were begun here",
  flags: [],
  run: async (args, { env }) => {
    if (args.positionals.length === 0) throw usage("manifest rm needs a list");
    await using engine = await createEngine({ env });
    for (const list of args.positionals) removeManifestList(list, engine.shop);
    return 0;
  },
};

/** Docker's fields. */
function toVerbose({
  name,
  descriptor,
  bytes,
  manifest,
}: Awaited<ReturnType<typeof inspectRemoteVerbosely>>["manifests"][number]) {
  const field = descriptor.mediaType.includes("docker") ? "SchemaV2Manifest" : "OCIManifest";
  return { Ref: name, Descriptor: descriptor, Raw: bytes.toString("base64"), [field]: manifest };
}

function named(field: string, value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { [field]: value };
}

function take(args: ParsedArgs, command: string, count: 1): readonly [string];
function take(args: ParsedArgs, command: string, count: 2): readonly [string, string];
function take(args: ParsedArgs, command: string, count: number): readonly string[] {
  if (args.positionals.length === count) return args.positionals;
  throw usage(`${command} takes ${count === 1 ? "one name" : "a list and an image"}`);
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, {
    hint: "Write: tsbuild manifest create registry.example.com/app:1 IMAGE…",
  });
}
