import { EXIT_CODE_OF } from "../core/error-codes.ts";
import { isBuildError } from "../core/errors.ts";
import { chooseColours } from "../progress/choose-progress.ts";
import { renderErrorBlock } from "../progress/error-block.ts";
import { parseArgs } from "./args.ts";
import type { CliContext, Command } from "./command.ts";
import { findCommand, loadCommands } from "./commands.ts";
import { exitCodeOf } from "./exit-code.ts";
import { commandHelp, overview } from "./help.ts";
import { watchSignals } from "./signals.ts";

/** Runs one command line; resolves to the exit code. Everything a person sees of an error is written here. */
export async function main(argv: readonly string[]): Promise<number> {
  const signals = watchSignals();
  for (const stream of [process.stdout, process.stderr]) stream.on("error", passOverBrokenPipe);
  const context: CliContext = {
    env: process.env,
    cwd: process.cwd(),
    // Opening standard input costs milliseconds: only who reads it pays.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signal: signals.signal,
    passSignalsOn: (handler) => signals.passOn(handler),
  };
  try {
    const code = await dispatch(argv, context);
    return signals.exitCode ?? code;
  } catch (error) {
    return signals.exitCode ?? report(error, context);
  } finally {
    signals.stop();
  }
}

/** `tsbuild images | head -1`: a reader that has seen enough is no failure. Whoever must know looks at its own write. */
function passOverBrokenPipe(error: Error): void {
  if (!("code" in error) || error.code !== "EPIPE") throw error;
}

async function dispatch(argv: readonly string[], context: CliContext): Promise<number> {
  const [first] = argv;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    const named = first === "help" ? await findCommand(argv.slice(1)) : undefined;
    context.stdout.write(named === undefined ? overview(await loadCommands()) : commandHelp(named.command));
    return first === undefined ? EXIT_CODE_OF["cli/usage"] : 0;
  }
  const { command, rest } = await findCommand(normalise(argv));
  if (asksForHelp(rest, command)) {
    context.stdout.write(commandHelp(command));
    return 0;
  }
  const args = parseArgs(rest, command.flags, command.stopAtFirst);
  for (const note of args.notes) context.stderr.write(`note: ${note}\n`);
  try {
    return await command.run(args, context);
  } catch (error) {
    if (command.exitCodeOf === undefined || !isBuildError(error) || context.signal.aborted) throw error;
    report(error, context);
    return command.exitCodeOf(error);
  }
}

/** `--version` and `-v` are a command's name elsewhere. */
function normalise(argv: readonly string[]): readonly string[] {
  return argv[0] === "--version" || argv[0] === "-v" ? ["version"] : argv;
}

function asksForHelp(rest: readonly string[], command: Command): boolean {
  const end = rest.indexOf("--");
  const words = end < 0 ? rest : rest.slice(0, end);
  return command.stopAtFirst === true ? words[0] === "--help" : words.includes("--help");
}

/** An error that no renderer has shown: one block, last on the screen. */
export function report(error: unknown, context: CliContext): number {
  const colours = chooseColours({ isTTY: context.stderr.isTTY, env: context.env });
  if (isBuildError(error)) {
    context.stderr.write(renderErrorBlock(error, { colours }));
    return exitCodeOf(error);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  context.stderr.write(`error[cli/bug]: this is a fault of tsbuild, please report it\n${text}\n`);
  return EXIT_CODE_OF["cli/bug"];
}
