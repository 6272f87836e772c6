import { EXIT_CODE_OF } from "../core/error-codes.ts";
import type { BuildError } from "../core/errors.ts";

/** The exit code of a command that ends with this error. */
export function exitCodeOf(error: BuildError): number {
  return EXIT_CODE_OF[error.code];
}
