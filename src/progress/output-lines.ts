import { lastState } from "./safe-text.ts";

/** A line longer than this is given out in pieces: a build that never writes a newline must not fill the memory. */
const MAX_PENDING = 64 * 1024;

export interface OutputLines {
  readonly lines: readonly string[];
  /** The beginning of a line whose end has not come yet. */
  readonly pending: string;
}

/** Chunks of output to whole lines, raw but for carriage returns: of a progress bar only the last state is left. */
export function splitOutput(pending: string, text: string): OutputLines {
  const parts = (pending + text).split("\n");
  const rest = parts.pop() ?? "";
  const lines = parts.map(lastState);
  if (rest.length <= MAX_PENDING) return { lines, pending: keepLastState(rest) };
  return { lines: [...lines, lastState(rest)], pending: "" };
}

/** A carriage return at the very end stays: the newline of a CRLF may be in the next chunk. */
function keepLastState(rest: string): string {
  if (!rest.includes("\r")) return rest;
  return rest.endsWith("\r") ? `${lastState(rest)}\r` : lastState(rest);
}
