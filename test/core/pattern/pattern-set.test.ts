import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compilePatternSet,
  type PathVerdict,
  type PatternSet,
} from "../../../src/core/pattern/pattern-set.ts";
import { compilePatterns } from "../../../src/core/pattern/patterns.ts";

const segment = fc.constantFrom("a", "b", "c", "a*", "*b", "**", "?", "[ab]", "**a", "b**", "[^a]");
const pattern = fc
  .tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 3 }))
  .map(([isException, parts]) => (isException ? "!" : "") + parts.join("/"));
const patterns = fc.array(pattern, { maxLength: 5 });
const path = fc.array(fc.constantFrom("a", "b", "c", "ab", "ba"), { minLength: 1, maxLength: 4 });

function verdictOf(set: PatternSet, parts: readonly string[]): PathVerdict {
  let verdict = set.root;
  for (const [i] of parts.entries()) verdict = set.enter(verdict, parts.slice(0, i + 1).join("/"));
  return verdict;
}

describe("a list of patterns", () => {
  test("a directory that may be pruned has nothing below it that is kept", () => {
    fc.assert(
      fc.property(patterns, path, path, (list, dir, below) => {
        const set = compilePatternSet(list);
        fc.pre(set.canPrune(verdictOf(set, dir), dir.join("/")));
        expect(verdictOf(set, [...dir, ...below]).excluded).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("asking for a path alone agrees with the verdicts of a walk", () => {
    fc.assert(
      fc.property(patterns, path, (list, parts) => {
        const set = compilePatternSet(list);
        const above = verdictOf(set, parts.slice(0, -1));
        const expected = verdictOf(set, parts).excluded;
        expect(set.isExcluded(above, parts.join("/"))).toBe(expected);
        expect(compilePatterns(list)(parts.join("/"))).toBe(expected);
      }),
    );
  });

  test.each([
    { list: ["**"], dir: "x", prune: true },
    { list: ["x", "!x/keep"], dir: "x", prune: false },
    { list: ["x", "!x/keep/deep"], dir: "x/keep", prune: false },
    { list: ["x", "!x/keep"], dir: "x/other", prune: true },
    { list: ["*", "!**/README.md"], dir: "x", prune: false },
    { list: ["!x/keep", "x"], dir: "x", prune: true },
    { list: ["x", "!xy/**"], dir: "x", prune: true },
    { list: ["x", "!x*/keep"], dir: "x", prune: false },
    { list: ["x", "!y*/keep"], dir: "x", prune: true },
    { list: ["y"], dir: "x", prune: false },
  ])("$list lets $dir be pruned: $prune", ({ list, dir, prune }) => {
    const set = compilePatternSet(list);
    expect(set.canPrune(verdictOf(set, dir.split("/")), dir)).toBe(prune);
  });

  test("an exception that its directory passed over does not reach below it, as on Docker's walk", () => {
    const set = compilePatternSet(["a/b", "!a"]);
    expect(verdictOf(set, ["a", "b"]).excluded).toBe(true);
    expect(set.matchesOrParent("a/b")).toBe(false);
  });

  test("many stars on a long path take linear time", () => {
    const set = compilePatternSet([`${"*a".repeat(30)}/**/${"*a".repeat(30)}b`]);
    expect(set.matchesOrParent("a".repeat(100_000))).toBe(false);
  });

  test("names that are not UTF-8 match byte for byte", () => {
    const set = compilePatternSet(["caf\xe9*"]);
    expect(set.matchesOrParent("caf\xe9.txt")).toBe(true);
    expect(set.matchesOrParent("caf\xe8.txt")).toBe(false);
  });
});
