import { LexError } from "./lex-error.ts";

/** `${V#pattern}`: the shortest prefix that matches taken off, the longest where greedy. */
export function trimPrefix(pattern: string, value: string, greedy: boolean): string {
  const chars = Array.from(value);
  return chars.slice(prefixEnd(Array.from(pattern), chars, greedy)).join("");
}

/** `${V%pattern}`: both are turned round, which makes the suffix a prefix. */
export function trimSuffix(pattern: string, value: string, greedy: boolean): string {
  const chars = Array.from(value).toReversed();
  return chars
    .slice(prefixEnd(reversePattern(pattern), chars, greedy))
    .toReversed()
    .join("");
}

/**
 * `${V/pattern/replacement}`, and `//` for all matches; the longest match at the leftmost place. Undefined where the result
 * would be longer than `maxLength`.
 */
export function replacePattern(
  value: string,
  how: { readonly pattern: string; readonly replacement: string; readonly all: boolean },
  maxLength: number,
): string | undefined {
  const pattern = parsePattern(Array.from(how.pattern));
  const chars = Array.from(value);
  let result = "";
  let copied = 0;
  for (let start = 0; start <= chars.length; ) {
    const match = find(pattern, chars, start);
    if (match === undefined) break;
    // Go takes no empty match right behind another match.
    if (match.end > copied || match.start === 0) {
      const found = chars.slice(match.start, match.end).join("");
      result += chars.slice(copied, match.start).join("");
      result += how.all ? fillTemplate(how.replacement, found) : how.replacement;
      copied = match.end;
      if (result.length > maxLength) return undefined;
      if (!how.all) break;
    }
    start = match.end > match.start ? match.end : match.end + 1;
  }
  return result + chars.slice(copied).join("");
}

/** A character to be met as it is, or undefined for `?`: any but a newline, as `.` in Go. */
type Token = string | undefined;
/** What stands between the `*`s: one segment more than there are stars. A star crosses no newline either. */
type Pattern = readonly (readonly Token[])[];

/** Only `*` and `?` are special, `\` quotes them; classes are ordinary characters. */
function parsePattern(chars: readonly string[]): Pattern {
  const segments: Token[][] = [[]];
  // Go's text scanner skips a byte order mark at its start.
  for (let i = chars[0] === "\uFEFF" ? 1 : 0; i < chars.length; i++) {
    const char = chars[i];
    if (char === "*") segments.push([]);
    else if (char === "?") segments.at(-1)?.push(undefined);
    else if (char !== "\\") segments.at(-1)?.push(char);
    else {
      const next = chars[i + 1];
      // The backslash of \} and \/ only kept them from ending the substitution.
      if (next === "}" || next === "/") continue;
      if (next !== "*" && next !== "?" && next !== "\\")
        throw new LexError(`invalid escape '\\${next ?? "\uFFFD"}'`);
      segments.at(-1)?.push(next);
      i++;
    }
  }
  return segments;
}

/** Turned round, each escape still in front of what it escapes. */
function reversePattern(pattern: string): string[] {
  return (pattern.match(/\\[^]|[^]/gu) ?? []).toReversed().flatMap((part) => Array.from(part));
}

function prefixEnd(pattern: readonly string[], chars: readonly string[], greedy: boolean): number {
  const end = matchAt(parsePattern(pattern), chars, { start: 0, greedy });
  return typeof end === "number" ? end : 0;
}

function find(
  pattern: Pattern,
  chars: readonly string[],
  from: number,
): { readonly start: number; readonly end: number } | undefined {
  for (let start = from; start <= chars.length; start++) {
    const end = matchAt(pattern, chars, { start, greedy: true });
    if (typeof end === "number") return { start, end };
    // What is behind a star is nowhere on this line: no later start on it can do better.
    if (end !== undefined && !pattern.flat().includes("\n")) start = end.deadUntil;
  }
  return undefined;
}

/** Where a match at `start` ends. The segments before the last star take the first place they fit, which loses no match. */
function matchAt(
  pattern: Pattern,
  chars: readonly string[],
  { start, greedy }: { readonly start: number; readonly greedy: boolean },
): number | { readonly deadUntil: number } | undefined {
  const [first = [], ...others] = pattern;
  if (!fits(first, chars, start)) return undefined;
  let pos = start + first.length;
  for (const [index, segment] of others.entries()) {
    const newline = chars.indexOf("\n", pos);
    const limit = newline < 0 ? chars.length : newline;
    const isLast = index === others.length - 1;
    const at = isLast && greedy ? lastFit(segment, chars, pos, limit) : firstFit(segment, chars, pos, limit);
    if (at === undefined) return { deadUntil: limit };
    pos = at + segment.length;
  }
  return pos;
}

function fits(segment: readonly Token[], chars: readonly string[], at: number): boolean {
  if (at + segment.length > chars.length) return false;
  return segment.every((token, i) =>
    token === undefined ? chars[at + i] !== "\n" : chars[at + i] === token,
  );
}

function firstFit(
  segment: readonly Token[],
  chars: readonly string[],
  from: number,
  to: number,
): number | undefined {
  for (let at = from; at <= to; at++) if (fits(segment, chars, at)) return at;
  return undefined;
}

function lastFit(
  segment: readonly Token[],
  chars: readonly string[],
  from: number,
  to: number,
): number | undefined {
  for (let at = to; at >= from; at--) if (fits(segment, chars, at)) return at;
  return undefined;
}

/** Go's Regexp.Expand, which `//` goes through: `$0` is the match, other `$name` are empty, `$$` is a dollar. */
function fillTemplate(template: string, found: string): string {
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))?/gu,
    (whole, braced?: string, bare?: string) => {
      if (whole === "$" || whole === "$$") return "$";
      return (braced ?? bare) === "0" ? found : "";
    },
  );
}
