import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BadPatternError } from "../../../src/core/pattern/bad-pattern-error.ts";
import { compilePatternSet, type PatternSet } from "../../../src/core/pattern/pattern-set.ts";
import { patternBytes } from "../../../src/core/pattern/runes.ts";

interface GoldenResult {
  readonly path: string;
  readonly matches_or_parent_matches?: boolean;
  readonly walk_matches?: boolean;
  readonly error?: boolean;
}
interface GoldenRow {
  readonly error: boolean;
  readonly message?: string;
  readonly patterns: readonly string[];
  readonly results?: readonly GoldenResult[];
}

const shared = process.env["TSBUILD_SHARED"] ?? join(import.meta.dirname, "../../../../shared");
const rows: readonly GoldenRow[] = JSON.parse(
  readFileSync(join(shared, "conformance/parser/patterns.json"), "utf8"),
);

function walk(set: PatternSet, path: string): boolean {
  let verdict = set.root;
  const parts = path.split("/").filter((part) => part !== "");
  for (const [i] of parts.entries()) verdict = set.enter(verdict, parts.slice(0, i + 1).join("/"));
  // The recorder asked for the path as written, trailing slash and all.
  return parts.join("/") === path ? verdict.excluded : set.enter(verdict, path).excluded;
}

const compile = (row: GoldenRow) => compilePatternSet(row.patterns.map(patternBytes));
const isRefused = (row: GoldenRow) => row.error || row.results?.every((result) => result.error) === true;
const named = (list: readonly GoldenRow[]) =>
  list.map((row) => ({ name: JSON.stringify(row.patterns), row }));

test.each(named(rows.filter((row) => !isRefused(row))))("$name decides as Docker decides", ({ row }) => {
  const set = compile(row);
  const decided = row.results?.map(({ path }) => ({
    path,
    matches_or_parent_matches: set.matchesOrParent(patternBytes(path)),
    walk_matches: walk(set, patternBytes(path)),
  }));
  expect(decided).toEqual(row.results);
});

test.each(named(rows.filter(isRefused)))("$name is refused as Docker refuses it", ({ row }) => {
  expect(() => compile(row)).toThrow(BadPatternError);
  expect(() => compile(row)).toThrow(row.message ?? "syntax error in pattern");
});
