import { unreachable } from "../unreachable.ts";
import { BadPatternError } from "./bad-pattern-error.ts";
import { type Node, PathAutomaton } from "./path-automaton.ts";
import { contains, parseEscape, parseRegexpClass, type RuneSet } from "./regexp-class.ts";
import { decodeRunes } from "./runes.ts";

/** One pattern without its `!`, ready to be asked. Paths are byte strings (latin1), relative, no trailing slash needed. */
export interface CompiledPattern {
  matches(path: string): boolean;
  /** False only where no path below the directory can match. */
  couldMatchBelow(dir: string): boolean;
}

const NEWLINE = 0x0a;
const SLASH = 0x2f;
const STAR = 0x2a;
const NOT_NEWLINE: RuneSet = { negated: true, ranges: [[NEWLINE, NEWLINE]] };

/**
 * The matching rule of moby/patternmatcher for one cleaned pattern (byte string). It turns a pattern into a Go regular
 * expression unless it is plain text, text and a trailing `**`, or a leading `**` and text, and its corners follow from
 * that: `a**b` is a, then nothing or whole directories, then b; `**b` is whatever ends with b; `[^a]` takes a slash; `\d` is
 * a digit; `^` matches no character; `*` inside a class is more members. Throws BadPatternError where Go's compiler would refuse the expression.
 */
export function compilePattern(pattern: string): CompiledPattern {
  const { source, kind } = translate(pattern);
  switch (kind) {
    case "exact":
      return { matches: (path) => path === pattern, couldMatchBelow: (dir) => pattern.startsWith(`${dir}/`) };
    case "prefix":
      return matchPrefix(pattern.slice(0, -2));
    case "suffix":
      return matchSuffix(pattern.slice(2));
    case "regexp":
      return matchRegexp(pattern, source);
    default:
      return unreachable(kind);
  }
}

function matchPrefix(prefix: string): CompiledPattern {
  return {
    matches: (path) => path.startsWith(prefix),
    couldMatchBelow: (dir) => prefix.startsWith(`${dir}/`) || `${dir}/`.startsWith(prefix),
  };
}

function matchSuffix(suffix: string): CompiledPattern {
  const whole = suffix.startsWith("/") ? suffix.slice(1) : undefined;
  return { matches: (path) => path.endsWith(suffix) || path === whole, couldMatchBelow: () => true };
}

function matchRegexp(pattern: string, source: string): CompiledPattern {
  const automaton = new PathAutomaton(parseSource(pattern, source));
  return {
    matches: (path) => automaton.matches(path),
    couldMatchBelow: (dir) => automaton.couldContinue(`${dir}/`),
  };
}

type PatternKind = "exact" | "prefix" | "suffix" | "regexp";

/** The regular expression (without its anchors) that patternmatcher would build, and whether it would use it at all. */
function translate(pattern: string): { readonly source: string; readonly kind: PatternKind } {
  let source = "";
  let kind: PatternKind = "exact";
  let at = 0;
  while (at < pattern.length) {
    const char = pattern[at] ?? "";
    if (pattern.startsWith("**", at)) {
      const isFirst = at === 0;
      at += pattern[at + 2] === "/" ? 3 : 2;
      const isLast = at >= pattern.length;
      source += isLast ? ".*" : "(.*/)?";
      if (isFirst) kind = "suffix";
      else kind = isLast && kind === "exact" ? "prefix" : "regexp";
      continue;
    }
    const piece = translateChar(char, pattern[at + 1]);
    source += piece.source;
    if (piece.isSpecial) kind = "regexp";
    at += piece.length;
  }
  return { source, kind };
}

function translateChar(
  char: string,
  next: string | undefined,
): { source: string; isSpecial: boolean; length: number } {
  if (char === "*") return { source: "[^/]*", isSpecial: true, length: 1 };
  if (char === "?") return { source: "[^/]", isSpecial: true, length: 1 };
  if (char === "[" || char === "]") return { source: char, isSpecial: true, length: 1 };
  if (char === "\\" && next !== undefined) return { source: `\\${next}`, isSpecial: true, length: 2 };
  return { source: ".+()|{}$".includes(char) ? `\\${char}` : char, isSpecial: false, length: 1 };
}

/** The few forms of regular expression that `translate` writes, as nodes; the last is the end. */
function parseSource(pattern: string, source: string): readonly Node[] {
  const runes = decodeRunes(source);
  const nodes: Node[] = [];
  let at = 0;
  while (at < runes.length) {
    if (startsWith(runes, at, "(.*/)?")) {
      addDirectories(nodes);
      at += 6;
    } else if (startsWith(runes, at, ".*")) {
      addRepeat(nodes, NOT_NEWLINE);
      at += 2;
    } else if (startsWith(runes, at, "^")) {
      nodes.push({ free: [], freeAtStart: [nodes.length + 1], step: () => [] });
      at += 1;
    } else {
      const atom = parseAtom(runes, at);
      if (atom === undefined) throw new BadPatternError(pattern);
      const isRepeated = runes[atom.end] === STAR;
      (isRepeated ? addRepeat : addOne)(nodes, atom.set);
      at = isRepeated ? atom.end + 1 : atom.end;
    }
  }
  nodes.push({ free: [], freeAtStart: [], step: () => [] });
  return nodes;
}

function parseAtom(
  runes: readonly number[],
  at: number,
): { readonly set: RuneSet; readonly end: number } | undefined {
  const rune = runes[at] ?? 0;
  if (rune === 0x5b) return parseRegexpClass(runes, at + 1);
  if (rune !== 0x5c) return { set: { negated: false, ranges: [[rune, rune]] }, end: at + 1 };
  const ranges = parseEscape(runes[at + 1]);
  return ranges === undefined ? undefined : { set: { negated: false, ranges }, end: at + 2 };
}

function addOne(nodes: Node[], set: RuneSet): void {
  const next = [nodes.length + 1];
  nodes.push({ free: [], freeAtStart: [], step: (rune) => (contains(set, rune) ? next : []) });
}

function addRepeat(nodes: Node[], set: RuneSet): void {
  const self = [nodes.length];
  nodes.push({
    free: [nodes.length + 1],
    freeAtStart: [],
    step: (rune) => (contains(set, rune) ? self : []),
  });
}

/** Nothing, or anything that ends in a slash. The second node is "inside": it may leave after a slash only. */
function addDirectories(nodes: Node[]): void {
  const inside = nodes.length + 1;
  const after = nodes.length + 2;
  nodes.push({ free: [inside, after], freeAtStart: [], step: () => [] });
  nodes.push({
    free: [],
    freeAtStart: [],
    step: (rune) => (rune === NEWLINE ? [] : rune === SLASH ? [inside, after] : [inside]),
  });
}

function startsWith(runes: readonly number[], at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (runes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
