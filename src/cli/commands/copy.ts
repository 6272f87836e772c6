import { BuildError } from "../../core/errors.ts";
import { parsePlatform } from "../../core/platform.ts";
import { formatFull } from "../../core/reference.ts";
import { copyImage } from "../../operations/copy-image.ts";
import { HOST_PLATFORM } from "../../operations/plan-options.ts";
import { formatCount } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { createTransferDisplay } from "../transfer-display.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

export const copyCommand: Command = {
  names: ["copy"],
  usage: "copy [OPTIONS] SOURCE TARGET",
  summary: "Copy from registry to registry, byte for byte, with signatures and attestations",
  flags: [
    { name: "quiet", short: "q", help: "Print nothing but the digest" },
    { name: "all", short: "a", help: "Every platform (the default)" },
    { name: "platform", value: "OS/ARCH", help: "The image for this platform alone" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, context) => {
    const [source, target, ...more] = args.positionals;
    if (source === undefined || target === undefined || more.length > 0)
      throw usage("copy takes a source and a target");
    const written = args.get("platform");
    const platform = written === undefined ? undefined : parsePlatform(written, HOST_PLATFORM);
    if (written !== undefined && platform === undefined) throw usage(`"${written}" is not a platform`);
    if (platform !== undefined && args.has("all")) throw usage("--all and --platform contradict each other");
    const quiet = args.has("quiet");
    const { emit, finish } = createTransferDisplay(context, { quiet });
    const { env, signal } = context;
    const how = { env, signal, emit, platform, authFile: args.get("authfile") };
    const { to, digest, referrers } = await copyImage(source, target, how).finally(finish);
    const along = referrers === 0 ? "" : `, with ${formatCount(referrers, "manifest")} about it`;
    context.stdout.write(quiet ? `${digest}\n` : `${formatFull(to)}: digest: ${digest}${along}\n`);
    return 0;
  },
};

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, {
    hint: "Write: tsbuild copy registry.example.com/app:1 localhost:5000/app:1",
  });
}
