import { BuildError } from "../core/errors.ts";
import { isNear } from "./args.ts";
import type { Command } from "./command.ts";
import { buildCommand } from "./commands/build.ts";

/** Every command. The build is at hand; the others are loaded only where something else is asked for. */
export async function loadCommands(): Promise<readonly Command[]> {
  const { commands } = await import("./commands/all.ts");
  return [buildCommand, ...commands];
}

/** The command that a command line begins with, and what follows its name. Without a name it is a build. */
export async function findCommand(
  argv: readonly string[],
): Promise<{ readonly command: Command; readonly rest: readonly string[] }> {
  const [first = ""] = argv;
  if (first.startsWith("-") || isPath(first)) return { command: buildCommand, rest: argv };
  const own = match([buildCommand], argv);
  if (own !== undefined) return own;
  const found = match(await loadCommands(), argv);
  if (found !== undefined) return found;
  // `tsbuild dir` is a build of a folder that is called like no command.
  if (argv.length === 1 && /^[\w.-]+$/.test(first) && (await isFolder(first)))
    return { command: buildCommand, rest: argv };
  const names = (await loadCommands())
    .filter(({ isInternal }) => isInternal !== true)
    .flatMap((command) => command.names);
  const near = names.map((name) => name.split(" ")[0] ?? "").find((name) => isNear(first, name));
  throw new BuildError("cli/usage", `"${first}" is not a tsbuild command`, {
    hint: `${near === undefined ? "There is no folder of that name either." : `Did you mean ${near}?`} See tsbuild --help.`,
  });
}

function match(
  commands: readonly Command[],
  argv: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | undefined {
  const named = commands.flatMap((command) =>
    command.names.map((name) => ({ command, words: name.split(" ") })),
  );
  const fitting = named
    .filter(({ words }) => words.every((word, i) => argv[i] === word))
    .toSorted((a, b) => b.words.length - a.words.length);
  const [best] = fitting;
  return best === undefined ? undefined : { command: best.command, rest: argv.slice(best.words.length) };
}

function isPath(word: string): boolean {
  return word === "." || word === ".." || word.includes("/");
}

async function isFolder(path: string): Promise<boolean> {
  const { statSync } = await import("node:fs");
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
