import { compilePatternSet, type PathVerdict } from "./pattern-set.ts";
import { patternBytes } from "./runes.ts";

/**
 * Patterns written as text (UTF-16) in a Dockerfile, as for --exclude: a function that says whether a path (byte string,
 * relative to what the patterns are relative to) is matched, decided from the top directory down as a walk decides it.
 * Throws BadPatternError.
 */
export function compilePatterns(patterns: readonly string[]): (path: string) => boolean {
  const set = compilePatternSet(patterns.map(patternBytes));
  const verdicts = new Map<string, PathVerdict>();

  function verdictOf(dir: string): PathVerdict {
    const known = verdicts.get(dir);
    if (known !== undefined) return known;
    const verdict = set.enter(verdictAbove(dir), dir);
    verdicts.set(dir, verdict);
    return verdict;
  }

  function verdictAbove(path: string): PathVerdict {
    const slash = path.lastIndexOf("/");
    return slash < 0 ? set.root : verdictOf(path.slice(0, slash));
  }

  return (path) => set.isExcluded(verdictAbove(path), path);
}
