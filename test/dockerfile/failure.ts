import { BuildError } from "../../src/core/errors.ts";

/** The BuildError that `action` throws; anything else, or nothing, fails the test. */
export function failureOf(action: () => unknown): BuildError {
  try {
    action();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
