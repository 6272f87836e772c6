import { BuildError } from "../core/errors.ts";
import { parseSignal } from "../core/signals.ts";

const SIGTERM = 15;

/** `KILL`, `SIGKILL`, `9`, `RTMIN+3` to its number. Throws `cli/usage`. */
export function requireSignal(text: string): number {
  const signal = parseSignal(text);
  if (signal !== undefined) return signal;
  throw new BuildError("cli/usage", `"${text}" is no signal`, {
    hint: "Write a name such as TERM, or a number.",
  });
}

/** What asks a container to end: the image's STOPSIGNAL, else TERM. */
export function stopSignalOf(config: { readonly StopSignal?: string }): number {
  return parseSignal(config.StopSignal ?? "") ?? SIGTERM;
}
