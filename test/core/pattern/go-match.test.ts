import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadPatternError } from "../../../src/core/pattern/bad-pattern-error.ts";
import { matchGoPattern } from "../../../src/core/pattern/go-match.ts";
import { patternBytes } from "../../../src/core/pattern/runes.ts";

describe("COPY wildcards follow Go's filepath.Match", () => {
  test.each([
    { pattern: "abc", name: "abc", expected: true },
    { pattern: "*", name: "abc", expected: true },
    { pattern: "*", name: "a/b", expected: false },
    { pattern: "*", name: ".hidden", expected: true },
    { pattern: "*c", name: "abc", expected: true },
    { pattern: "a*/b", name: "abc/b", expected: true },
    { pattern: "a*/b", name: "a/c/b", expected: false },
    { pattern: "a*b*c*d*e*/f", name: "axbxcxdxe/f", expected: true },
    { pattern: "a*b*c*d*e*/f", name: "axbxcxdxexxx/fff", expected: false },
    { pattern: "a*b?c*x", name: "abxbbxdbxebxczzx", expected: true },
    { pattern: "a*b?c*x", name: "abxbbxdbxebxczzy", expected: false },
    { pattern: "ab[^e-g]", name: "abc", expected: true },
    { pattern: "[!a]", name: "!", expected: true },
    { pattern: "[!a]", name: "b", expected: false },
    { pattern: "a\\*b", name: "a*b", expected: true },
    { pattern: "a\\*b", name: "axb", expected: false },
    { pattern: "a?b", name: "aüb", expected: true },
    { pattern: "a??b", name: "aüb", expected: false },
    { pattern: "[ä-ü]", name: "ö", expected: true },
    { pattern: "a?b", name: "a/b", expected: false },
    { pattern: "[\\-x]", name: "-", expected: true },
    { pattern: "**", name: "ab", expected: true },
    { pattern: "a**b", name: "a/b", expected: false },
    { pattern: "", name: "", expected: true },
    { pattern: "", name: "a", expected: false },
  ])("$pattern against $name is $expected", ({ pattern, name, expected }) => {
    expect(matchGoPattern(patternBytes(pattern), patternBytes(name))).toBe(expected);
  });

  test.each(["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[\\", "*[", "z[]"])(
    "%s is malformed, whatever the name",
    (pattern) => {
      expect(() => matchGoPattern(pattern, "a")).toThrow(BadPatternError);
    },
  );

  test("a byte that is no UTF-8 is one character and equal only to itself", () => {
    expect(matchGoPattern("caf?", "caf\xe9")).toBe(true);
    expect(matchGoPattern("caf\xe9", "caf\xe9")).toBe(true);
    expect(matchGoPattern("caf\xe9", "caf\xe8")).toBe(false);
  });

  test("an escaped name matches itself and nothing else", () => {
    const name = fc.string({ unit: fc.constantFrom("a", "*", "?", "[", "]", "-", "^", "\\", "ü") });
    fc.assert(
      fc.property(name, name, (one, other) => {
        const pattern = patternBytes(one.replace(/[*?[\\\]^-]/g, "\\$&"));
        expect(matchGoPattern(pattern, patternBytes(other))).toBe(one === other);
      }),
    );
  });
});
