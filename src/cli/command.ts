import type { BuildError } from "../core/errors.ts";
import type { FlagSpec, ParsedArgs } from "./args.ts";

/** Process facts and streams that commands use: one door, so that tests and the library never touch globals. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first Ctrl+C or TERM. */
  readonly signal: AbortSignal;
  /** Takes signals for a container's command: they cancel nothing until it is disposed. */
  readonly passSignalsOn: (handler: (signal: number) => void) => Disposable;
}

export interface Command {
  /** `image ls`; the first is its name, the rest are aliases. */
  readonly names: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  /** Flags end at the first positional (`run IMAGE cmd --flag`). */
  readonly stopAtFirst?: boolean;
  /** Started by tsbuild itself: in no help and no completion. */
  readonly isInternal?: boolean;
  /** Exit code of an error, where it is not the one of its code: `run` tells its own failures (125) from its command's. */
  readonly exitCodeOf?: (error: BuildError) => number;
  /** Resolves to the exit code. */
  readonly run: (args: ParsedArgs, context: CliContext) => Promise<number>;
}
