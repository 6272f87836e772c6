import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findImage } from "../../operations/find-image.ts";
import { formatCount } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { BUILD_FLAGS } from "./build-flags.ts";

/** Flags of a build that say where its result goes: that of two builds goes nowhere. */
const NOT_TWICE = [
  "quiet",
  "tag",
  "no-cache",
  "no-cache-filter",
  "output",
  "push",
  "load",
  "annotation",
  "iidfile",
  "metadata-file",
  "progress",
];

export const verifyCommand: Command = {
  names: ["verify"],
  usage: "verify [IMAGE] | verify --twice [BUILD OPTIONS] PATH|-",
  summary: "Compute every digest anew, or build twice and say what differs; exit 3 where something is wrong",
  flags: [
    { name: "quiet", short: "q", help: "Print nothing but what is wrong" },
    {
      name: "twice",
      help: "Build PATH twice without the cache and name what differs between the two images",
    },
    ...BUILD_FLAGS.filter(({ name, note }) => note === undefined && !NOT_TWICE.includes(name)),
  ],
  run: async (args, context) => {
    if (args.has("twice")) return await (await import("./verify-twice.ts")).verifyTwice(args, context);
    const given = BUILD_FLAGS.find(({ name }) => name !== "quiet" && args.all(name).length > 0);
    if (given !== undefined)
      throw new BuildError("cli/usage", `verify without --twice has no --${given.name}`, {
        hint: "To build twice and compare: tsbuild verify --twice PATH.",
      });
    const { env, stdout, stderr } = context;
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
