import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { commitContainer } from "../../operations/commit-container.ts";
import { diffContainer } from "../../operations/container-changes.ts";
import { exportContainer } from "../../operations/export-container.ts";
import { safeName } from "../../progress/safe-text.ts";
import type { Command } from "../command.ts";
import { epochOf } from "../epoch.ts";
import { inNamespace } from "../reexecute.ts";
import { writeFileFrom, writeStreamFrom } from "../write-output.ts";

export const containerDiffCommand: Command = {
  names: ["diff", "container diff"],
  usage: "diff CONTAINER",
  summary: "List what a container has added (A), changed (C) and deleted (D)",
  flags: [],
  run: async ({ positionals: [container, ...more] }, { env, stdout }) => {
    if (container === undefined || more.length > 0) throw needsOne("diff web");
    await using engine = await createEngine({ env });
    return await inNamespace(async () => {
      const changes = await diffContainer(container, engine.shop);
      stdout.write(changes.map(({ kind, path }) => `${kind} ${safeName(path)}\n`).join(""));
      return 0;
    });
  },
};

export const containerExportCommand: Command = {
  names: ["export", "container export"],
  usage: "export [OPTIONS] CONTAINER",
  summary: "Write a container's root file system as a tar",
  flags: [{ name: "output", short: "o", value: "FILE", help: "Write to a file instead of standard output" }],
  run: async (args, context) => {
    const [container, ...more] = args.positionals;
    if (container === undefined || more.length > 0) throw needsOne("export -o web.tar web");
    const output = args.get("output");
    if (output === undefined && context.stdout.isTTY) {
      throw new BuildError("cli/usage", "an archive is not written to a terminal", {
        hint: "Use -o FILE, or redirect it.",
      });
    }
    await using engine = await createEngine({ env: context.env });
    return await inNamespace(async () => {
      const bytes = exportContainer(container, engine.shop, context.signal);
      await (output === undefined ? writeStreamFrom(context.stdout, bytes) : writeFileFrom(output, bytes));
      return 0;
    });
  },
};

export const containerCommitCommand: Command = {
  names: ["commit", "container commit"],
  usage: "commit [OPTIONS] CONTAINER [NAME[:TAG]]",
  summary: "Make an image of what a container has changed",
  flags: [
    { name: "message", short: "m", value: "TEXT", help: "Comment of the history row" },
    { name: "author", short: "a", value: "NAME", help: "Who made it" },
    {
      name: "change",
      short: "c",
      value: "INSTRUCTION",
      many: true,
      help: 'A Dockerfile instruction to apply, such as CMD ["sh"]',
    },
    { name: "pause", short: "p", help: "Let the container stand still meanwhile (true)" },
  ],
  run: async (args, context) => {
    const [container, name, ...more] = args.positionals;
    if (container === undefined || more.length > 0) throw needsOne("commit web web:2");
    await using engine = await createEngine({ env: context.env });
    return await inNamespace(async () => {
      const image = await commitContainer(
        {
          container,
          tags: name === undefined ? [] : [name],
          message: args.get("message"),
          author: args.get("author"),
          changes: args.all("change"),
          pause: args.get("pause") !== "false",
          epochSeconds: epochOf(context.env),
          signal: context.signal,
        },
        engine.shop,
      );
      context.stdout.write(`${image.id}\n`);
      return 0;
    });
  },
};

function needsOne(example: string): BuildError {
  return new BuildError("cli/usage", "one container is needed", { hint: `Write: tsbuild ${example}` });
}
