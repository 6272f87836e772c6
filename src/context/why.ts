import { type BytePath, parentOf } from "../core/byte-path.ts";
import type { PathVerdict } from "../core/pattern/pattern-set.ts";
import type { IgnoreRule, IgnoreRules } from "./ignore-file.ts";

/** Why a path is or is not part of a context. */
export interface IgnoreReason {
  readonly ignored: boolean;
  /** The line that decided; undefined where none matched, so that the path is in. */
  readonly rule: IgnoreRule | undefined;
  /** What the line matched: the path, or a directory above it. */
  readonly matched: BytePath | undefined;
}

/** Which line of the ignore file decided about a path (a directory may still be there for what an exception keeps in it). */
export function explainIgnore(rules: IgnoreRules, path: BytePath): IgnoreReason {
  const { set } = rules;
  const firstHits = new Map<number, BytePath>();
  let verdict: PathVerdict = set.root;
  for (const at of leadingPaths(path)) {
    const above = verdict;
    verdict = set.enter(above, at);
    for (const [i, hit] of verdict.hits.entries()) if (hit === 1 && above.hits[i] !== 1) firstHits.set(i, at);
  }
  const decided = set.patterns[verdict.decidedBy];
  return {
    ignored: verdict.excluded,
    rule: decided === undefined ? undefined : rules.rules[decided.index],
    matched: firstHits.get(verdict.decidedBy),
  };
}

/** `a/b/c` gives `a`, `a/b`, `a/b/c`. */
function leadingPaths(path: BytePath): readonly BytePath[] {
  const found: BytePath[] = [];
  for (let at = path; at !== ""; at = parentOf(at)) found.push(at);
  return found.toReversed();
}
