import { BuildError } from "../../core/errors.ts";
import { parsePlatform } from "../../core/platform.ts";
import { formatFamiliar, formatFull, parseReference, withDefaultTag } from "../../core/reference.ts";
import { createEngine } from "../../engine.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import { pullImage } from "../../operations/pull-image.ts";
import type { Command } from "../command.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const pullCommand: Command = {
  names: ["pull", "image pull"],
  usage: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Fetch an image from its registry",
  flags: [
    { name: "quiet", short: "q", help: "Print nothing but the image's name" },
    { name: "platform", value: "OS/ARCH", help: "Which one, where there are several (this machine's)" },
    AUTH_FILE_FLAG,
    { name: "disable-content-trust", help: "", note: "signatures are not checked; digests always are" },
  ],
  run: async (args, context) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0)
      throw new BuildError("cli/usage", "pull takes one name", { hint: "Write: tsbuild pull debian:12" });
    const reference = withDefaultTag(parseReference(name));
    const written = args.get("platform") ?? context.env["DOCKER_DEFAULT_PLATFORM"];
    const platform = written === undefined ? HOST_PLATFORM : parsePlatform(written, HOST_PLATFORM);
    if (platform === undefined)
      throw new BuildError("cli/usage", `"${written}" is not a platform`, {
        hint: "It reads os/architecture, such as linux/arm64.",
      });
    const quiet = args.has("quiet");
    if (!quiet)
      context.stderr.write(`${reference.digest ?? reference.tag}: Pulling from ${reference.path}\n`);
    const display = createTransferDisplay(context, { quiet });
    await using engine = await createEngine({ env: context.env });
    const how = {
      shop: engine.shop,
      emit: display.emit,
      signal: context.signal,
      platform,
      authFile: args.get("authfile"),
    };
    const pulled = await pullImage(reference, how).finally(display.finish);
    const familiar = formatFamiliar(reference);
    const status = pulled.isNew
      ? `Downloaded newer image for ${familiar}`
      : `Image is up to date for ${familiar}`;
    if (!quiet) context.stdout.write(`Digest: ${pulled.digest}\nStatus: ${status}\n`);
    context.stdout.write(`${formatFull(reference)}\n`);
    return 0;
  },
};
