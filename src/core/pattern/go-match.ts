import { BadPatternError } from "./bad-pattern-error.ts";
import { decodeRunes, isInvalidRune } from "./runes.ts";

const SLASH = 0x2f;
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** One character of the name: a literal, any but `/`, or a class. */
type Single =
  | { readonly type: "literal"; readonly rune: number }
  | { readonly type: "any" }
  | {
      readonly type: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

/** A run of singles, and whether a star stands before it. */
interface Chunk {
  readonly star: boolean;
  readonly singles: readonly Single[];
}

/**
 * Go's filepath.Match on Unix, for COPY wildcards: `*` and `?` never match `/`, `[a-z]` and `[^a]` are classes, `\` escapes.
 * The whole name must match. Both are byte strings (latin1); `?` and classes take one UTF-8 character.
 * Throws BadPatternError where the pattern is malformed anywhere, whatever the name.
 */
export function matchGoPattern(pattern: string, name: string): boolean {
  return matchChunks(parseGoPattern(pattern), decodeRunes(name));
}

/** True where the text has a character that filepath.Match treats as special, so that it must be looked for, not looked up. */
export function hasGoWildcard(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** Throws BadPatternError where filepath.Match would refuse the pattern. */
export function checkGoPattern(pattern: string): void {
  parseGoPattern(pattern);
}

function matchChunks(chunks: readonly Chunk[], name: readonly number[]): boolean {
  let at = 0;
  for (const [index, chunk] of chunks.entries()) {
    const end = placeChunk(chunk, name, at, index === chunks.length - 1);
    if (end < 0) return false;
    at = end;
  }
  return at === name.length;
}

/** Where the chunk's first fitting place at or after `from` ends; the last chunk must end the name. -1: nowhere. */
function placeChunk(chunk: Chunk, name: readonly number[], from: number, isLast: boolean): number {
  for (let at = from; ; at++) {
    const end = at + chunk.singles.length;
    if ((!isLast || end === name.length) && fitsAt(chunk.singles, name, at)) return end;
    if (!chunk.star || at >= name.length || name[at] === SLASH) return -1;
  }
}

function fitsAt(singles: readonly Single[], name: readonly number[], at: number): boolean {
  return singles.every((single, i) => {
    const rune = name[at + i];
    return rune !== undefined && fits(single, rune);
  });
}

function fits(single: Single, rune: number): boolean {
  if (single.type === "literal") return single.rune === rune;
  if (single.type === "any") return rune !== SLASH;
  return single.ranges.some(([low, high]) => low <= rune && rune <= high) !== single.negated;
}

function parseGoPattern(pattern: string): readonly Chunk[] {
  const runes = decodeRunes(pattern);
  const chunks: Chunk[] = [];
  let singles: Single[] = [];
  let star = false;
  let at = 0;
  const bad = () => new BadPatternError(pattern);
  while (at < runes.length) {
    const rune = runes[at] ?? 0;
    if (rune === STAR) {
      if (singles.length > 0 || star) chunks.push({ star, singles });
      singles = [];
      star = true;
      at++;
    } else if (rune === OPEN) {
      const parsed = parseClass(runes, at + 1, bad);
      singles.push(parsed.single);
      at = parsed.end;
    } else if (rune === BACKSLASH) {
      const escaped = runes[at + 1];
      if (escaped === undefined) throw bad();
      singles.push({ type: "literal", rune: escaped });
      at += 2;
    } else {
      singles.push(rune === QUESTION ? { type: "any" } : { type: "literal", rune });
      at++;
    }
  }
  chunks.push({ star, singles });
  return chunks;
}

function parseClass(
  runes: readonly number[],
  start: number,
  bad: () => Error,
): { single: Single; end: number } {
  const ranges: [number, number][] = [];
  const negated = runes[start] === CARET;
  let at = negated ? start + 1 : start;
  while (runes[at] !== CLOSE || ranges.length === 0) {
    const low = parseClassRune(runes, at, bad);
    at = low.end;
    let high = low.rune;
    if (runes[at] === DASH) ({ rune: high, end: at } = parseClassRune(runes, at + 1, bad));
    ranges.push([low.rune, high]);
  }
  return { single: { type: "class", negated, ranges }, end: at + 1 };
}

function parseClassRune(
  runes: readonly number[],
  start: number,
  bad: () => Error,
): { rune: number; end: number } {
  if (runes[start] === DASH || runes[start] === CLOSE) throw bad();
  const at = runes[start] === BACKSLASH ? start + 1 : start;
  const rune = runes[at];
  // A class is never the pattern's last character: its `]` is still to come.
  if (rune === undefined || isInvalidRune(rune) || at + 1 >= runes.length) throw bad();
  return { rune, end: at + 1 };
}
