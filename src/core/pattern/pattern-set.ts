import { BadPatternError } from "./bad-pattern-error.ts";
import { cleanPattern, trimSpace } from "./clean.ts";
import { type CompiledPattern, compilePattern } from "./compile-pattern.ts";
import { checkGoPattern } from "./go-match.ts";

/** One pattern of a list. `index` is its place in the list as given (blank ones count). */
export interface ListedPattern extends CompiledPattern {
  readonly index: number;
  /** `!`: what matches is taken back in. */
  readonly isException: boolean;
}

/** What the fold over a list found for one path, as its children need it. */
export interface PathVerdict {
  readonly excluded: boolean;
  /** Place in `PatternSet.patterns` of the pattern that decided last; -1 where none matched. */
  readonly decidedBy: number;
  /** For each pattern, 1 where it matched this path or one above it, so far as it was looked at. */
  readonly hits: Uint8Array;
}

/**
 * A list of patterns under Docker's fold: later ones win, a match of a directory holds for everything below, `!` takes back
 * in. Paths are byte strings (latin1), relative to what the patterns are relative to.
 */
export interface PatternSet {
  readonly patterns: readonly ListedPattern[];
  /** What holds above the first component. */
  readonly root: PathVerdict;
  /** The path alone, asking for each pattern the path and every directory above it. */
  matchesOrParent(path: string): boolean;
  /**
   * The path met on a walk, given its directory's verdict: what BuildKit does with .dockerignore and --exclude. It differs
   * from matchesOrParent where a pattern that was passed over for the directory would have matched it: in `a/b`, `!a`, the
   * exception is passed over at `a` (nothing to take back), so `a/b` stays out on a walk.
   */
  enter(parent: PathVerdict, path: string): PathVerdict;
  /** As `enter(…).excluded`, without making a verdict: for paths that have no children. */
  isExcluded(parent: PathVerdict, path: string): boolean;
  /** True where nothing below this excluded directory can be taken back in, so that no walk need enter it. */
  canPrune(verdict: PathVerdict, dir: string): boolean;
}

/** Patterns as byte strings (latin1), as a .dockerignore holds them (text goes through patternBytes). Throws BadPatternError. */
export function compilePatternSet(patterns: readonly string[]): PatternSet {
  return new FoldedPatterns(patterns.flatMap((pattern, index) => listPattern(pattern, index)));
}

function listPattern(written: string, index: number): readonly ListedPattern[] {
  const trimmed = trimSpace(written);
  if (trimmed === "") return [];
  const cleaned = cleanPattern(trimmed);
  if (cleaned === "!") throw new BadPatternError(written, 'illegal exclusion pattern: "!"');
  const isException = cleaned.startsWith("!");
  const text = isException ? cleaned.slice(1) : cleaned;
  checkGoPattern(text);
  return [{ ...compilePattern(text), index, isException }];
}

class FoldedPatterns implements PatternSet {
  readonly patterns: readonly ListedPattern[];
  readonly root: PathVerdict;
  readonly #lastException: number;

  constructor(patterns: readonly ListedPattern[]) {
    this.patterns = patterns;
    this.root = { excluded: false, decidedBy: -1, hits: new Uint8Array(patterns.length) };
    this.#lastException = patterns.findLastIndex((pattern) => pattern.isException);
  }

  matchesOrParent(path: string): boolean {
    const paths = [path, ...parentsOf(path)];
    let excluded = false;
    for (const pattern of this.patterns) {
      if (pattern.isException !== excluded) continue;
      if (paths.some((each) => pattern.matches(each))) excluded = !pattern.isException;
    }
    return excluded;
  }

  enter(parent: PathVerdict, path: string): PathVerdict {
    const hits = new Uint8Array(this.patterns.length);
    const decidedBy = this.#fold(parent.hits, path, hits);
    return { excluded: this.#excludes(decidedBy), decidedBy, hits };
  }

  isExcluded(parent: PathVerdict, path: string): boolean {
    return this.#excludes(this.#fold(parent.hits, path, undefined));
  }

  canPrune(verdict: PathVerdict, dir: string): boolean {
    // Patterns before the one that decided cannot matter: it holds for everything below, and only an exception after it,
    // that none of the directories above has met, could turn a path below around.
    for (let i = verdict.decidedBy + 1; i <= this.#lastException; i++) {
      const pattern = this.patterns[i];
      if (pattern?.isException === true && pattern.couldMatchBelow(dir)) return false;
    }
    return verdict.excluded;
  }

  #fold(above: Uint8Array, path: string, hits: Uint8Array | undefined): number {
    let excluded = false;
    let decidedBy = -1;
    for (const [i, pattern] of this.patterns.entries()) {
      const isHeld = above[i] === 1;
      // Only a pattern that would change the answer is asked; BuildKit's own verdicts rest on that.
      if (!isHeld && (pattern.isException !== excluded || !pattern.matches(path))) continue;
      if (hits !== undefined) hits[i] = 1;
      excluded = !pattern.isException;
      decidedBy = i;
    }
    return decidedBy;
  }

  #excludes(decidedBy: number): boolean {
    return this.patterns[decidedBy]?.isException === false;
  }
}

/** `a/b/c` gives `a`, `a/b`, as Go's filepath.Dir and a split at slashes would. */
function parentsOf(path: string): readonly string[] {
  const dir = cleanPattern(path.slice(0, path.lastIndexOf("/") + 1));
  if (dir === ".") return [];
  const parts = dir.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}
