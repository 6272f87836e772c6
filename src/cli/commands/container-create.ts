import { existsSync, writeFileSync } from "node:fs";
import type { Container } from "../../core/container.ts";
import { BuildError } from "../../core/errors.ts";
import { parsePlatform, samePlatform } from "../../core/platform.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../../core/reference.ts";
import { createEngine } from "../../engine.ts";
import { type CreateContainerOptions, createContainer } from "../../operations/create-container.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import type { Workshop } from "../../operations/workshop.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext, Command } from "../command.ts";
import { inNamespace } from "../reexecute.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { CONTAINER_FLAGS } from "./container-flags.ts";

export const containerCreateCommand: Command = {
  names: ["create", "container create"],
  usage: "create [OPTIONS] IMAGE [COMMAND] [ARG…]",
  summary: "Make a container of an image, and start nothing",
  stopAtFirst: true,
  flags: CONTAINER_FLAGS,
  exitCodeOf: () => 125,
  run: async (args, context) => {
    await using engine = await createEngine({ env: context.env });
    return await inNamespace(async () => {
      const container = await createFrom(args, context, engine.shop);
      context.stdout.write(`${container.id}\n`);
      return 0;
    });
  },
};

/** Makes the container that the flags of `run` and `create` describe; its image is pulled where that was asked for. */
export async function createFrom(args: ParsedArgs, context: CliContext, shop: Workshop): Promise<Container> {
  const [image, ...command] = args.positionals;
  if (image === undefined) {
    throw new BuildError("cli/usage", "an image is needed", {
      hint: "Write: tsbuild run hello:1.0.0",
    });
  }
  refuseUnsupported(args);
  const options = toOptions(args, context, { image, command });
  const cidFile = args.get("cidfile");
  if (cidFile !== undefined && existsSync(cidFile)) {
    throw new BuildError("cli/usage", `--cidfile: ${cidFile} is there already`, {
      hint: "Is the container of that id still needed? If not, remove the file.",
    });
  }
  // Before a pull that would be done twice.
  shop.requireNamespace();
  await pullAsTold(image, args, { context, shop });
  const container = await createContainer(options, shop);
  if (cidFile !== undefined) writeFileSync(cidFile, container.id, { flag: "wx", mode: 0o644 });
  return container;
}

function toOptions(
  args: ParsedArgs,
  context: CliContext,
  { image, command }: { readonly image: string; readonly command: readonly string[] },
): CreateContainerOptions {
  const network = args.get("network") ?? args.get("net") ?? "host";
  if (network !== "host" && network !== "none") {
    throw new BuildError("cli/usage", `--network=${network} is not a network`, {
      hint: "Choose host or none.",
    });
  }
  return {
    image,
    args: command,
    name: args.get("name"),
    entrypoint: args.get("entrypoint"),
    env: args.all("env"),
    envFiles: args.all("env-file"),
    labels: args.all("label"),
    workdir: args.get("workdir"),
    user: args.get("user"),
    hostname: args.get("hostname"),
    stopSignal: args.get("stop-signal"),
    hasTerminal: args.has("tty"),
    opensStdin: args.has("interactive"),
    network,
    ports: args.all("publish"),
    volumes: args.all("volume"),
    mounts: args.all("mount"),
    cwd: context.cwd,
    readOnlyRoot: args.has("read-only"),
    autoRemove: args.has("rm"),
    executor: args.get("executor") ?? "auto",
    signal: context.signal,
  };
}

function refuseUnsupported(args: ParsedArgs): void {
  if (args.has("init")) refuse("--init", "Run an init that is in the image, as the command's first word.");
  if (args.has("privileged")) refuse("--privileged", "Containers run with Docker's default rights, always.");
  const restart = args.get("restart") ?? "no";
  if (restart !== "no") {
    refuse(
      `--restart=${restart}`,
      "There is no daemon that would start it again: use the machine's service manager.",
    );
  }
  const platform = args.get("platform");
  const parsed = platform === undefined ? HOST_PLATFORM : parsePlatform(platform, HOST_PLATFORM);
  if (parsed === undefined || !samePlatform(parsed, HOST_PLATFORM)) {
    refuse(`--platform=${platform ?? ""}`, "Only programs of this machine's own platform can run here.");
  }
}

function refuse(flag: string, hint: string): never {
  throw new BuildError("cli/not-supported", `${flag} cannot be had here`, { hint });
}

const PULLS = ["missing", "always", "never"] as const;

async function pullAsTold(
  image: string,
  args: ParsedArgs,
  { context, shop }: { readonly context: CliContext; readonly shop: Workshop },
): Promise<void> {
  const when = PULLS.find((word) => word === (args.get("pull") ?? "missing"));
  if (when === undefined) {
    throw new BuildError("cli/usage", `--pull=${args.get("pull")} is none of ${PULLS.join(", ")}`, {
      hint: "Choose missing, always or never.",
    });
  }
  if (when === "never") return;
  const isHere = shop.store.images.resolve(image) !== undefined;
  if (when === "missing" && isHere) return;
  const reference = withDefaultTag(parseReference(image));
  const quiet = args.has("quiet");
  if (!isHere && !quiet)
    context.stderr.write(`Unable to find image '${formatFamiliar(reference)}' locally\n`);
  const display = createTransferDisplay(context, { quiet });
  const how = { shop, emit: display.emit, signal: context.signal, platform: HOST_PLATFORM };
  const { pullImage } = await import("../../operations/pull-image.ts");
  await pullImage(reference, how).finally(display.finish);
}
