import { describe, expect, test } from "vitest";
import { expandWord, expandWords } from "../../src/dockerfile/expand.ts";
import { failureOf } from "./failure.ts";

const VARIABLES: Readonly<Record<string, string>> = {
  A: "abc",
  E: "",
  P: "/usr/local/lib.so.1",
  S: "x y",
  D: "$5",
  G: "aXbXc",
};
const lookup = (name: string) => VARIABLES[name];
const expand = (word: string, escape = "\\") => expandWord(word, lookup, { escape }).value;

describe("operators", () => {
  test.each([
    ["${P#*/}", "usr/local/lib.so.1"],
    ["${P##*/}", "lib.so.1"],
    ["${P%.*}", "/usr/local/lib.so"],
    ["${P%%.*}", "/usr/local/lib"],
    ["${G/X/-}", "a-bXc"],
    ["${G//X/-}", "a-b-c"],
    ["${G//?X/.}", "..c"],
    ["${G//\\?X/.}", "aXbXc"],
    ["${A//*/x}", "x"],
    ["${A///-}", "-a-b-c-"],
    ["${P//\\//_}", "_usr_local_lib.so.1"],
    ["${G/[X]/-}", "aXbXc"],
    ["${G//X/$A}", "aabcbabcc"],
    ["${G/X/$D}", "a$5bXc"],
    ["${G//X/[$D]}", "a[]b[]c"],
    ["${U:-${V:-${A}}}", "abc"],
    ["${E-none}|${E:-none}", "|none"],
    ["${U+set}|${E+set}|${E:+set}", "|set|"],
    ["'${A}' \"${A}\" \\$A", "${A} abc $A"],
    ['"\\a\\"\\\\"', '\\a"\\'],
    ["$A$", "abc$"],
    ["$1 $@ $$", "  "],
    ["a < b << c", "a < b << c"],
  ])("%s is %s", (word, value) => {
    expect(expand(word)).toBe(value);
  });
});

test("the escape directive moves the escape, the backslash then means itself", () => {
  expect(expand("`$A \\$A", "`")).toBe("$A \\abc");
});

test("in the body of a heredoc quotes are ordinary characters", () => {
  const options = { escape: "\\", quotes: "literal" } as const;
  expect(expandWord("it's \"$A\" '\\$A'\n", lookup, options).value).toBe("it's \"abc\" '$A'\n");
});

test("unset names are told once each, in the order of their use", () => {
  expect(expandWord("$Z $A ${Y:-x} $Z", lookup, { escape: "\\" }).unmatched).toEqual(["Z", "Y"]);
});

test("words split at unquoted blanks, in values too", () => {
  expect(expandWords("$S '$S' a\\ b \"\" c", lookup, { escape: "\\" })).toEqual(["x", "y", "$S", "a b", "c"]);
});

test.each([
  { word: "${V:?set it}", message: "V: set it", hint: "--build-arg V=" },
  { word: "${A", message: "unsupported modifier", hint: "}" },
  { word: "'abc", message: "single-quote", hint: "Close the quote" },
  { word: "${A/x}", message: "missing '/'", hint: "${NAME/pattern/text}" },
  { word: "${A#\\x}", message: "invalid pattern", hint: "backslash" },
  { word: "${A:0:1}", message: "unsupported modifier (:0)", hint: "${NAME:-text}" },
])("$word is refused with a next step", ({ word, message, hint }) => {
  const error = failureOf(() => expand(word));
  expect(error).toMatchObject({ code: "dockerfile/bad-expansion" });
  expect(error.message).toContain(message);
  expect(error.details.hint).toContain(hint);
});
