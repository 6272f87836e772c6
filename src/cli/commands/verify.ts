import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findImage } from "../../operations/find-image.ts";
import { formatCount } from "../../progress/format.ts";
import type { Command } from "../command.ts";

export const verifyCommand: Command = {
  names: ["verify"],
  usage: "verify [IMAGE]",
  summary: "Compute every digest anew, of an image or of the whole store; exit 3 where one is wrong",
  flags: [{ name: "quiet", short: "q", help: "Print nothing but what is wrong" }],
  run: async (args, { env, stdout, stderr }) => {
    const [name, ...more] = args.positionals;
    if (more.length > 0)
      throw new BuildError("cli/usage", "verify takes one image, or none", {
        hint: "Without one the whole store is verified.",
      });
    const warn = (text: string) => void stderr.write(`warning: ${text}\n`);
    await using engine = await createEngine({ env, warn });
    const image = name === undefined ? undefined : findImage(name, engine.shop).id;
    let blobs = 0;
    const onBlob = () => void (blobs += 1);
    const problems = await engine.shop.store.verify({ ...(image === undefined ? {} : { image }), onBlob });
    for (const { kind, subject, message } of problems) stdout.write(`${kind} ${subject}: ${message}\n`);
    if (problems.length > 0) {
      throw new BuildError(
        "cli/verify-failed",
        `${formatCount(problems.length, "thing")} in the store ${problems.length === 1 ? "is" : "are"} not as recorded`,
        {
          hint: "Damaged cache entries are made anew by the next build; a damaged image: tsbuild rmi it, and build or pull it again.",
        },
      );
    }
    if (!args.has("quiet"))
      stdout.write(`${name ?? "the store"}: ${formatCount(blobs, "blob")} verified, nothing wrong\n`);
    return 0;
  },
};
