import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import {
  type CopyOptions,
  copyIn,
  copyOut,
  copyTarIn,
  copyTarOut,
  enterNamespace,
  parseCopyEnd,
} from "../../operations/copy-files.ts";
import { findContainer } from "../../operations/find-container.ts";
import type { Command } from "../command.ts";
import { openForReading } from "../open-input.ts";
import { inNamespace } from "../reexecute.ts";
import { writeStreamFrom } from "../write-output.ts";

export const containerCpCommand: Command = {
  names: ["cp", "container cp"],
  usage: "cp [OPTIONS] CONTAINER:PATH PATH|-    or    cp [OPTIONS] PATH|- CONTAINER:PATH",
  summary: "Copy files and folders between a container and this machine",
  flags: [
    {
      name: "archive",
      short: "a",
      help: "Keep owners where files are copied out (copied in, they always do)",
    },
    { name: "follow-link", short: "L", help: "Copy what a symbolic link as the source points to" },
    { name: "quiet", short: "q", help: "Accepted: nothing is printed" },
  ],
  run: async (args, context) => {
    const [from, to, ...more] = args.positionals;
    if (from === undefined || to === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "cp takes a source and a destination", { hint: EXAMPLE });
    }
    const [source, target] = [parseCopyEnd(from), parseCopyEnd(to)];
    const options: CopyOptions = {
      cwd: context.cwd,
      followLink: args.has("follow-link"),
      archive: args.has("archive"),
      signal: context.signal,
    };
    await using engine = await createEngine({ env: context.env });
    const { shop } = engine;
    return await inNamespace(async () => {
      if (source.container === undefined && target.container !== undefined) {
        if (source.path !== "-") await copyIn(source.path, target, options, shop);
        else {
          // Standard input is read once: not before it is sure that this process is the one to.
          await enterNamespace(findContainer(target.container, shop), shop);
          await copyTarIn(openForReading("-", context), target, options, shop);
        }
        return 0;
      }
      if (source.container === undefined || target.container !== undefined) {
        throw new BuildError("cli/usage", "cp copies into a container or out of one", { hint: EXAMPLE });
      }
      if (target.path !== "-") await copyOut(source, target.path, options, shop);
      else if (context.stdout.isTTY) {
        throw new BuildError("cli/usage", "an archive is not written to a terminal", {
          hint: "Redirect it, or name a path.",
        });
      } else await writeStreamFrom(context.stdout, copyTarOut(source, options, shop));
      return 0;
    });
  },
};

const EXAMPLE = "Write: tsbuild cp web:/etc/passwd .   or: tsbuild cp page.html web:/www/";
