import { BuildError, isBuildError } from "../../core/errors.ts";
import type { Platform } from "../../core/platform.ts";
import { createEngine } from "../../engine.ts";
import { findContainer } from "../../operations/find-container.ts";
import { findImage } from "../../operations/find-image.ts";
import { inspectContainer } from "../../operations/inspect-container.ts";
import { inspectImage } from "../../operations/inspect-image.ts";
import { requirePlatform } from "../../operations/plan-options.ts";
import type { Workshop } from "../../operations/workshop.ts";
import type { FlagSpec, ParsedArgs } from "../args.ts";
import type { CliContext, Command } from "../command.ts";
import { compileTemplate } from "../template/run-template.ts";

type Kind = "container" | "image";

const FORMAT: FlagSpec = {
  name: "format",
  short: "f",
  value: "FORMAT",
  help: "json, or a Go template such as {{json .Config}}",
};
const PLATFORM: FlagSpec = {
  name: "platform",
  value: "OS/ARCH",
  help: "Of an image of several platforms: this one",
};

export const inspectCommand: Command = {
  names: ["inspect"],
  usage: "inspect [OPTIONS] NAME [NAME…]",
  summary: "Show what is known of containers and images, as JSON",
  flags: [
    FORMAT,
    PLATFORM,
    { name: "type", value: "TYPE", help: "container or image (default: a container, else an image)" },
    { name: "size", short: "s", help: "", note: "sizes of images are always shown" },
  ],
  run: (args, context) => {
    const type = args.get("type");
    if (type !== undefined && type !== "" && type !== "container" && type !== "image") {
      throw new BuildError("cli/usage", `--type=${type}: there is nothing of that type here`, {
        hint: "Choose container or image.",
      });
    }
    return inspect(args, context, type === undefined || type === "" ? ["container", "image"] : [type]);
  },
};

export const imageInspectCommand: Command = {
  names: ["image inspect"],
  usage: "image inspect [OPTIONS] IMAGE [IMAGE…]",
  summary: "Show what is known of images, as JSON",
  flags: [FORMAT, PLATFORM],
  run: (args, context) => inspect(args, context, ["image"]),
};

export const containerInspectCommand: Command = {
  names: ["container inspect"],
  usage: "container inspect [OPTIONS] CONTAINER [CONTAINER…]",
  summary: "Show what is known of containers, as JSON",
  flags: [FORMAT],
  run: (args, context) => inspect(args, context, ["container"]),
};

async function inspect(
  args: ParsedArgs,
  { env, stdout }: CliContext,
  kinds: readonly Kind[],
): Promise<number> {
  if (args.positionals.length === 0) {
    throw new BuildError("cli/usage", "inspect needs a name", { hint: "Write: tsbuild inspect hello:1.0.0" });
  }
  const format = args.get("format");
  const line =
    format === undefined || format === "" || format === "json" ? undefined : compileTemplate(format);
  const wanted = args.get("platform");
  const platform = wanted === undefined ? undefined : requirePlatform(wanted);
  await using engine = await createEngine({ env });
  const found: unknown[] = [];
  const errors: BuildError[] = [];
  for (const name of args.positionals) {
    try {
      found.push(factsOf(name, { kinds, platform, shop: engine.shop }));
    } catch (error) {
      if (!isBuildError(error) || !error.code.endsWith("/not-found")) throw error;
      errors.push(error);
    }
  }
  const text = JSON.stringify(found, null, format === "json" ? undefined : 4);
  stdout.write(line === undefined ? `${text}\n` : found.map((facts) => `${line(facts)}\n`).join(""));
  // As Docker: what was found is printed, and the command fails all the same.
  const [first] = errors;
  if (first !== undefined) throw first;
  return 0;
}

interface Question {
  readonly kinds: readonly Kind[];
  readonly platform: Platform | undefined;
  readonly shop: Workshop;
}

function factsOf(name: string, { kinds, platform, shop }: Question): object {
  const [kind, ...others] = kinds;
  if (kind === "image") return inspectImage(findImage(name, shop), shop, platform);
  try {
    return inspectContainer(findContainer(name, shop), shop);
  } catch (error) {
    if (others.length === 0 || !isBuildError(error) || error.code !== "container/not-found") throw error;
    return factsOf(name, { kinds: others, platform, shop });
  }
}
