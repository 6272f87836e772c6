import { skipBlanks } from "./blanks.ts";

/**
 * What the arguments are as JSON: the strings of an array; `mixed` for an array that holds something else (an error);
 * undefined for no JSON array at all, which makes them a shell form or words.
 */
export function readJsonForm(text: string): readonly string[] | "mixed" | undefined {
  const start = skipBlanks(text, 0);
  if (text[start] !== "[") return undefined;
  const value = parse(text.slice(start));
  if (!Array.isArray(value)) return undefined;
  const strings: string[] = [];
  for (const item of value) {
    // A lone surrogate written as \ud800 is U+FFFD for Go.
    if (typeof item === "string") strings.push(item.toWellFormed());
    else return hasHugeNumber(text.slice(start)) ? undefined : "mixed";
  }
  return strings;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Go refuses numbers beyond float64, so the whole is no JSON; JavaScript makes them Infinity. */
function hasHugeNumber(text: string): boolean {
  let found = false;
  try {
    JSON.parse(text, (_, value: unknown) => {
      found ||= typeof value === "number" && !Number.isFinite(value);
      return value;
    });
  } catch {
    // Nested too deep to be walked: Go gives up on such text as well.
    return true;
  }
  return found;
}
