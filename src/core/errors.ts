import type { ErrorCode } from "./error-codes.ts";
import type { SourceRange } from "./source-range.ts";

export interface BuildErrorDetails {
  /** One next step, in the imperative or as a question. */
  readonly hint?: string | undefined;
  /** Where in the Dockerfile (or in `file`, where that is another). */
  readonly at?: SourceRange | undefined;
  /** The word inside `at` that the error is about, where it stands there as it is: carets mark it alone. */
  readonly word?: string | undefined;
  /** The file `at` points into, if it is not the Dockerfile of the build. */
  readonly file?: string | undefined;
  readonly cause?: unknown;
  /** Exit code of the command that failed, not of tsbuild. */
  readonly commandExitCode?: number | undefined;
  /** A full log on disk. */
  readonly logPath?: string | undefined;
  /** How many lines that log has. */
  readonly logLines?: number | undefined;
  /** A few words to stand beside the caret: the last line that a failed command wrote. */
  readonly label?: string | undefined;
  /** Which step, as people count: "stage build, step 5/6". */
  readonly step?: string | undefined;
}

/** Every failure that a person can cause or mend. A plain Error reaching the command line is a bug of ours. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly code: ErrorCode;
  readonly details: BuildErrorDetails;

  constructor(code: ErrorCode, message: string, details: BuildErrorDetails = {}) {
    super(shorten(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details.hint === undefined ? details : { ...details, hint: shorten(details.hint) };
  }

  /** The same error with facts that only an outer caller knows; what is already set stays. */
  with(more: BuildErrorDetails): BuildError {
    const copy = new BuildError(this.code, this.message, { ...more, ...this.details });
    copy.stack = this.stack ?? "";
    return copy;
  }
}

/** Words of a file are quoted in messages, and a file can have words of megabytes. Code units. */
const MAX_TEXT = 800;
/** What is kept of the end: the cause often stands there. */
const TAIL = 200;

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - TAIL)} … ${text.slice(-TAIL)}`;
}

export function isBuildError(value: unknown): value is BuildError {
  return value instanceof BuildError;
}
