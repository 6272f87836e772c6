import { BuildError } from "../core/errors.ts";
import { parseGoDuration } from "../dockerfile/go-duration.ts";

/** `24h` before now, seconds since 1970, or a date; in milliseconds since 1970. `flag` is for the error. */
export function parseMoment(flag: string, text: string, nowMs: number): number {
  const nanos = parseGoDuration(text);
  if (nanos !== undefined) return nowMs - nanos / 1e6;
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new BuildError("cli/usage", `--${flag}=${text} is no time`, {
    hint: "Write a duration such as 24h, or a date such as 2026-01-31T00:00:00Z.",
  });
}
