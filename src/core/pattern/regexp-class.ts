/** A set of characters: ranges, or everything but them. */
export interface RuneSet {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [number, number])[];
}

type Ranges = readonly (readonly [number, number])[];

const MAX_RUNE = 0x10ffff + 0x100;
const DIGIT: Ranges = [[0x30, 0x39]];
const UPPER: Ranges = [[0x41, 0x5a]];
const LOWER: Ranges = [[0x61, 0x7a]];
const SPACE: Ranges = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];
const WORD: Ranges = [...DIGIT, ...UPPER, [0x5f, 0x5f], ...LOWER];
const PERL: Readonly<Record<string, Ranges>> = { d: DIGIT, s: SPACE, w: WORD };
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const POSIX: Readonly<Record<string, Ranges>> = {
  alnum: [...DIGIT, ...UPPER, ...LOWER],
  alpha: [...UPPER, ...LOWER],
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: DIGIT,
  graph: [[0x21, 0x7e]],
  lower: LOWER,
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: UPPER,
  word: WORD,
  xdigit: [...DIGIT, [0x41, 0x46], [0x61, 0x66]],
};

export function contains(set: RuneSet, rune: number): boolean {
  return set.ranges.some(([low, high]) => low <= rune && rune <= high) !== set.negated;
}

/**
 * What `\` and the character after it mean in Go's regexp syntax (RE2), inside or outside a class: punctuation is itself,
 * `\d \s \w` and their complements are sets, `\t` and the like are control characters. undefined: an error, or a construct
 * (`\b`, `\p{…}`, `\x..`) that no file name pattern has a use for and that is refused here.
 */
export function parseEscape(rune: number | undefined): Ranges | undefined {
  if (rune === undefined || rune >= 0x80) return undefined;
  const letter = String.fromCharCode(rune);
  const control = CONTROL[letter];
  if (control !== undefined) return [[control, control]];
  const perl = PERL[letter.toLowerCase()];
  if (perl !== undefined) return letter in PERL ? perl : complement(perl);
  return /[0-9A-Za-z]/.test(letter) ? undefined : [[rune, rune]];
}

/** The class whose `[` stands before `start`, in Go's regexp syntax; undefined where it is malformed. */
export function parseRegexpClass(
  runes: readonly number[],
  start: number,
): { readonly set: RuneSet; readonly end: number } | undefined {
  const negated = runes[start] === 0x5e;
  const first = negated ? start + 1 : start;
  const ranges: (readonly [number, number])[] = [];
  let at = first;
  while (runes[at] !== 0x5d || at === first) {
    const item = parsePosix(runes, at) ?? parseRange(runes, at);
    if (item === undefined) return undefined;
    ranges.push(...item.ranges);
    at = item.end;
  }
  return { set: { negated, ranges }, end: at + 1 };
}

interface ClassItem {
  readonly ranges: Ranges;
  readonly end: number;
}

/** `[:alpha:]`, `[:^alpha:]`. */
function parsePosix(runes: readonly number[], at: number): ClassItem | undefined {
  if (runes[at] !== 0x5b || runes[at + 1] !== 0x3a) return undefined;
  const text = String.fromCodePoint(...runes.slice(at, at + 12).map((rune) => Math.min(rune, 0xffff)));
  const match = /^\[:(\^?)([a-z]+):\]/.exec(text);
  const ranges = match === null ? undefined : POSIX[match[2] ?? ""];
  if (match === null || ranges === undefined) return undefined;
  return { ranges: match[1] === "^" ? complement(ranges) : ranges, end: at + match[0].length };
}

function parseRange(runes: readonly number[], at: number): ClassItem | undefined {
  const low = parseMember(runes, at);
  if (low === undefined) return undefined;
  const [only, ...others] = low.ranges;
  const isSingle = others.length === 0 && only !== undefined && only[0] === only[1];
  const isRange = isSingle && runes[low.end] === 0x2d && runes[low.end + 1] !== 0x5d;
  if (!isRange) return low;
  const high = parseMember(runes, low.end + 1);
  const top = high?.ranges[0];
  if (high === undefined || top === undefined || high.ranges.length !== 1 || top[0] !== top[1])
    return undefined;
  return top[0] < only[0] ? undefined : { ranges: [[only[0], top[0]]], end: high.end };
}

function parseMember(runes: readonly number[], at: number): ClassItem | undefined {
  const rune = runes[at];
  if (rune === undefined) return undefined;
  if (rune !== 0x5c) return { ranges: [[rune, rune]], end: at + 1 };
  const ranges = parseEscape(runes[at + 1]);
  return ranges === undefined ? undefined : { ranges, end: at + 2 };
}

function complement(ranges: Ranges): Ranges {
  const result: [number, number][] = [];
  let next = 0;
  for (const [low, high] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (low > next) result.push([next, low - 1]);
    next = Math.max(next, high + 1);
  }
  result.push([next, MAX_RUNE]);
  return result;
}
