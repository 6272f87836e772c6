import { closeSync, constants, openSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { RunSpec, TerminalSize } from "../core/ports.ts";
import { setTerminalSize, terminalNumber, unlockTerminal } from "../host/syscalls.ts";

/** Our end of a pseudo-terminal: what is written on it is read here, and the other way round. */
export interface Terminal extends Disposable {
  /** Of the other end, in the devpts that this one was opened in. */
  readonly number: number;
  type(bytes: Uint8Array): void;
  resize(size: TerminalSize): void;
  /** Resolves once nobody has the other end open any more and all output has been handed over. */
  readonly ended: Promise<void>;
}

/** Opens a new terminal by the `ptmx` of a devpts: the machine's, or a container's through /proc/<pid>/root. */
export function openTerminal(
  ptmx: string,
  size: TerminalSize,
  output: (bytes: Uint8Array) => void,
): Terminal {
  const master = openSync(ptmx, constants.O_RDWR | constants.O_NOCTTY);
  try {
    unlockTerminal(master);
    setTerminalSize(master, size);
    const number = terminalNumber(master);
    const stream = new ReadStream(master);
    const ended = new Promise<void>((resolve) => {
      // EIO is how a terminal ends on Linux.
      for (const event of ["end", "error", "close"] as const) stream.once(event, () => resolve());
    });
    stream.on("data", output);
    return {
      number,
      type: (bytes) => void (stream.destroyed || stream.write(bytes)),
      resize: (to) => {
        if (!stream.destroyed) setTerminalSize(master, to);
      },
      ended,
      [Symbol.dispose]: () => void stream.destroy(),
    };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** One of the machine's own, with its other end open for a launcher; undefined where none was asked for. */
export function openHostTerminal(
  { stdio }: RunSpec,
  on: { readonly output: (stream: "stdout", bytes: Uint8Array) => void },
): (Terminal & { readonly slave: number }) | undefined {
  if (stdio === "capture" || stdio.terminal === undefined) return undefined;
  const terminal = openTerminal("/dev/ptmx", stdio.terminal, (bytes) => on.output("stdout", bytes));
  const slave = openSync(`/dev/pts/${terminal.number}`, constants.O_RDWR | constants.O_NOCTTY);
  return { ...terminal, slave };
}
