import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePatternSet } from "../../src/core/pattern/pattern-set.ts";
import { at, makeFixture, pathsOf } from "./context-fixture.ts";

const name = fc.constantFrom("a", "b", "ab");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const pattern = fc
  .tuple(
    fc.constantFrom("", "!"),
    fc.array(fc.constantFrom("a", "b", "ab", "*", "**", "a*", "?"), { minLength: 1, maxLength: 3 }),
  )
  .map(([mark, parts]) => mark + parts.join("/"));

/** What Docker's filter keeps of these paths, every one of them looked at. */
function filterAll(paths: readonly string[], patterns: readonly string[]): string[] {
  const set = compilePatternSet(patterns);
  const kept = new Set<string>();
  for (const each of paths) {
    let verdict = set.root;
    const parts = each.split("/");
    for (const [i] of parts.entries()) verdict = set.enter(verdict, parts.slice(0, i + 1).join("/"));
    if (verdict.excluded) continue;
    for (const [i] of parts.entries()) kept.add(parts.slice(0, i + 1).join("/"));
  }
  return [...kept].toSorted();
}

describe("a context under ignore rules", () => {
  test("shows what a filter over every path would keep", () => {
    using fixture = makeFixture();
    fc.assert(
      fc.property(
        fc.array(path, { maxLength: 8 }),
        fc.array(pattern, { maxLength: 4 }),
        (files, patterns) => {
          rmSync(fixture.root, { recursive: true });
          mkdirSync(fixture.root);
          for (const file of files) {
            try {
              fixture.write(file, "");
            } catch {
              // A file where another path needs a directory: that path is not made.
            }
          }
          using all = fixture.open({ cached: false });
          using tree = fixture.open({ cached: false, ignore: patterns.join("\n") });
          const expected = filterAll(pathsOf(all), patterns);
          // Asked first for the root of everything or first for names: the picture is the same.
          using asked = fixture.open({ cached: false, ignore: patterns.join("\n") });
          asked.merkle(at(""));
          expect(pathsOf(tree).toSorted()).toEqual(expected);
          expect(pathsOf(asked).toSorted()).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("an ignored directory is not entered where no exception reaches into it", () => {
    using fixture = makeFixture();
    fixture.write("node_modules/x", "");
    fixture.write("src/a", "");
    using tree = fixture.open({ ignore: "node_modules\n!src/b\n" });
    expect(tree.names(at(""))).toEqual(["src"]);
    // A walk that wanted to enter it now would fail.
    rmSync(join(fixture.root, "node_modules"), { recursive: true });
    expect(() => tree.merkle(at(""))).not.toThrow();
  });

  test("a copy of one directory does not read the one beside it", () => {
    using fixture = makeFixture();
    fixture.write("src/a", "1");
    fixture.write("big/b", "1");
    using tree = fixture.open();
    tree.merkle(at("src"));
    // src/a was met; big's entries were not.
    expect(tree.stats()).toEqual({ files: 1, bytes: 1 });
  });
});
