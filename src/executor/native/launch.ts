import type { RunSpec } from "../../core/ports.ts";
import type { HostFacts } from "../host-facts.ts";
import type { RunFiles } from "../run-files.ts";

/** The engine's end of it is a socket: messages go up, answers come down, and its closing says that the engine is gone. */
export const CHANNEL = 3;
/** Exit code of a launcher that failed after it said why. */
export const LAUNCHER_FAILED = 125;

/** In a container with a terminal, the first and only one of its devpts. */
export const TERMINAL_PATH = "/dev/pts/0";
/** Of a pipe between keeper and command that closes when the command's program starts: the first descriptors that are free. */
export const EXEC_PIPE = { read: CHANNEL + 1, write: CHANNEL + 2 };

export interface Launch {
  readonly spec: RunSpec;
  readonly files: RunFiles;
  readonly facts: HostFacts;
}

export function hasTerminal({ stdio }: RunSpec): boolean {
  return stdio !== "capture" && stdio.terminal !== undefined;
}

/** What rows of an earlier part of the program leave for later ones. */
export interface Prepared extends Launch {
  /** Addresses of the secret variables. */
  readonly secretEnv: readonly number[];
}
