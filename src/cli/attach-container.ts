import type { Container } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { RunningCommand, TerminalSize } from "../core/ports.ts";
import { runHere } from "../operations/run-container.ts";
import type { Workshop } from "../operations/workshop.ts";
import type { CliContext } from "./command.ts";

const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };

/** Runs a container in the foreground, its streams on ours; resolves to its exit code. */
export async function runAttached(
  container: Container,
  shop: Workshop,
  { context, withStdin }: { readonly context: CliContext; readonly withStdin: boolean },
): Promise<number> {
  const { stdout, stderr } = context;
  const usesKeys = container.hasTerminal && withStdin;
  requireTerminal(container, context, withStdin);
  using cleanup = new DisposableStack();
  return await runHere(
    container,
    {
      stdio: container.hasTerminal
        ? { stdin: "null", terminal: sizeOf(stdout) }
        : { stdin: withStdin ? "inherit" : "null" },
      output: (stream, bytes) => void (stream === "stdout" ? stdout : stderr).write(bytes),
      // Before its first output: a shell asks the terminal where its cursor is, and the answer must not be echoed.
      starting: () => {
        if (usesKeys) cleanup.use(rawMode(context.stdin));
      },
      started: (command) => {
        cleanup.use(context.passSignalsOn((signal) => void command.kill(signal)));
        if (!container.hasTerminal) return;
        cleanup.use(followSize(command, stdout));
        if (usesKeys) cleanup.use(passKeysOn(command, context.stdin));
      },
    },
    shop,
  );
}

/** `-it` with something else than a terminal to read from is a mistake, as Docker has it. */
export function requireTerminal(
  container: Pick<Container, "hasTerminal">,
  { stdin }: CliContext,
  withStdin: boolean,
): void {
  if (!container.hasTerminal || !withStdin || stdin.isTTY) return;
  throw new BuildError("cli/usage", "standard input is not a terminal", {
    hint: "Leave -t out where something is piped into the command.",
  });
}

/** How a container that nobody looks at is connected. */
export function detachedStdio(container: Container) {
  return {
    stdin: container.opensStdin ? ("open" as const) : ("null" as const),
    ...(container.hasTerminal ? { terminal: DEFAULT_SIZE } : {}),
  };
}

function sizeOf({ columns, rows }: NodeJS.WriteStream): TerminalSize {
  // Not set where standard output is no terminal.
  return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
}

function followSize(command: RunningCommand, stdout: NodeJS.WriteStream): Disposable {
  const onResize = () => command.resize(sizeOf(stdout));
  // It may have changed while the container was being prepared.
  onResize();
  stdout.on("resize", onResize);
  return { [Symbol.dispose]: () => void stdout.off("resize", onResize) };
}

/** Every key as it is, Ctrl+C too: the terminal inside makes a signal of it. */
function rawMode(stdin: NodeJS.ReadStream): Disposable {
  stdin.setRawMode(true);
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

function passKeysOn(command: RunningCommand, stdin: NodeJS.ReadStream): Disposable {
  const onKeys = (bytes: Buffer) => command.type(bytes);
  stdin.on("data", onKeys);
  return { [Symbol.dispose]: () => void stdin.off("data", onKeys) };
}
