import type { Random } from "./random.ts";

/** One reader of ours, as the fuzzer sees it. */
export interface FuzzTarget extends Disposable {
  /** Inputs to start from. */
  readonly seeds: readonly Buffer[];
  /** Words of the format's grammar: what a mutation puts in besides chance bytes. */
  readonly pieces: readonly Buffer[];
  /** Inputs do not grow beyond this many bytes. */
  readonly maxBytes: number;
  /** Makes a mutated input plausible again (checksums), so that it gets past the door. */
  readonly repair?: (input: Buffer, random: Random) => Buffer;
  /**
   * Reads the input. The answer says what kind of outcome it was: inputs with a new one are mutated further. A BuildError is an
   * outcome; whatever else is thrown is a bug of ours. `isThorough` asks for the costly checks, too.
   */
  run(input: Buffer, isThorough: boolean): Promise<string> | string;
}

/** What a module with a target exports. */
export interface TargetModule {
  readonly openTarget: () => FuzzTarget;
}

/** Where each target's module is. The canary holds planted bugs: the tests of the fuzzer itself find them. */
export const TARGETS = {
  dockerfile: "./dockerfile-target.ts",
  dockerignore: "./dockerignore-target.ts",
  tar: "./tar-target.ts",
  canary: "./canary-target.ts",
} as const;

export type TargetName = keyof typeof TARGETS;
