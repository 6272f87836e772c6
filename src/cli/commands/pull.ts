import { BuildError, isBuildError } from "../../core/errors.ts";
import { parsePlatform } from "../../core/platform.ts";
import {
  formatFamiliar,
  formatFull,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../core/reference.ts";
import { createEngine } from "../../engine.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import { type PulledImage, pullImage } from "../../operations/pull-image.ts";
import { registryTags } from "../../operations/registry-tags.ts";
import type { CliContext, Command } from "../command.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const pullCommand: Command = {
  names: ["pull", "image pull"],
  usage: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Fetch an image from its registry",
  flags: [
    { name: "quiet", short: "q", help: "Print nothing but the image's name" },
    { name: "all-tags", short: "a", help: "Pull every tag of the repository" },
    { name: "platform", value: "OS/ARCH", help: "Which one, where there are several (this machine's)" },
    AUTH_FILE_FLAG,
    { name: "disable-content-trust", help: "", note: "signatures are not checked; digests always are" },
  ],
  run: async (args, context) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0)
      throw new BuildError("cli/usage", "pull takes one name", { hint: "Write: tsbuild pull debian:12" });
    const written = args.get("platform") ?? context.env["DOCKER_DEFAULT_PLATFORM"];
    const platform = written === undefined ? HOST_PLATFORM : parsePlatform(written, HOST_PLATFORM);
    if (platform === undefined)
      throw new BuildError("cli/usage", `"${written}" is not a platform`, {
        hint: "It reads os/architecture, such as linux/arm64.",
      });
    const quiet = args.has("quiet");
    await using engine = await createEngine({ env: context.env });
    const { signal } = context;
    const pull = async (reference: Reference) => {
      if (!quiet)
        context.stderr.write(`${reference.digest ?? reference.tag}: Pulling from ${reference.path}\n`);
      const { emit, finish } = createTransferDisplay(context, { quiet });
      const how = { shop: engine.shop, emit, signal, platform, authFile: args.get("authfile") };
      const pulled = await pullImage(reference, how).finally(finish);
      if (!quiet) context.stdout.write(describe(reference, pulled));
    };
    const reference = parseReference(name);
    if (args.has("all-tags")) {
      const how = { env: context.env, signal, authFile: args.get("authfile") };
      await pullEach(await registryTags(reference, how), pull, context);
      context.stdout.write(`${formatFull(reference)}\n`);
    } else {
      await pull(withDefaultTag(reference));
      context.stdout.write(`${formatFull(withDefaultTag(reference))}\n`);
    }
    return 0;
  },
};

/** Docker's lines. */
function describe(reference: Reference, { digest, isNew }: PulledImage): string {
  const familiar = formatFamiliar(reference);
  const status = isNew ? `Downloaded newer image for ${familiar}` : `Image is up to date for ${familiar}`;
  return `Digest: ${digest}\nStatus: ${status}\n`;
}

/** Tags that are no image for this platform (signatures, caches, other machines) are passed over, unless there is nothing else. */
async function pullEach(
  references: readonly Reference[],
  pull: (reference: Reference) => Promise<void>,
  { stderr }: CliContext,
): Promise<void> {
  let failure: BuildError | undefined;
  let pulled = 0;
  for (const reference of references) {
    try {
      await pull(reference);
      pulled += 1;
    } catch (error) {
      if (!isBuildError(error) || !["registry/no-platform", "registry/no-image"].includes(error.code))
        throw error;
      failure = error;
      stderr.write(`note: ${error.message}; passed over\n`);
    }
  }
  if (pulled === 0 && failure !== undefined) throw failure;
}
