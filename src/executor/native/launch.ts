import type { RunSpec } from "../../core/ports.ts";
import type { HostFacts } from "../host-facts.ts";
import type { RunFiles } from "../run-files.ts";

/** The engine's end of it is a socket: messages go up, answers come down, and its closing says that the engine is gone. */
export const CHANNEL = 3;
/** Exit code of a launcher that failed after it said why. */
export const LAUNCHER_FAILED = 125;

export interface Launch {
  readonly spec: RunSpec;
  readonly files: RunFiles;
  readonly facts: HostFacts;
  /** No session of its own: the command shares the terminal of tsbuild. */
  readonly keepsTerminal: boolean;
}

/** What rows of an earlier part of the program leave for later ones. */
export interface Prepared extends Launch {
  /** Addresses of the secret variables. */
  readonly secretEnv: readonly number[];
}
