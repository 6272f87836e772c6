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
}

export interface Command {
  /** `image ls`; the first is its name, the rest are aliases. */
  readonly names: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  /** Flags end at the first positional (`run IMAGE cmd --flag`). */
  readonly stopAtFirst?: boolean;
  /** Resolves to the exit code. */
  readonly run: (args: ParsedArgs, context: CliContext) => Promise<number>;
}
