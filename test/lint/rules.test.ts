import { describe, expect, test } from "vitest";
import { RULES } from "../../src/lint/rules.ts";
import { INSTRUCTION_CASES } from "./instruction-cases.ts";
import { lintText, markedText } from "./lint-text.ts";
import { TEXT_CASES } from "./text-cases.ts";

const CASES = { ...TEXT_CASES, ...INSTRUCTION_CASES };

test("every rule has positive and negative cases", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(RULES).toSorted());
  for (const [rule, cases] of Object.entries(CASES)) {
    expect(cases.some(({ finds }) => finds.some((found) => found.startsWith(`${rule} `)))).toBe(true);
    expect(cases.some(({ finds }) => finds.length === 0)).toBe(true);
  }
});

describe.each(Object.entries(CASES))("%s", (_rule, cases) => {
  test.each(cases)("$name", ({ text, finds, ...given }) => {
    const found = lintText(text, given).map(
      (finding) => `${finding.rule} ${finding.at.line} ${markedText(text, finding)}`,
    );
    expect(found).toEqual(finds);
  });
});

test("lines are those of the whole instruction, as BuildKit gives them", () => {
  const text = "FROM scratch AS \\\n A\nLABEL a=1 \\\n\n  b=$c \\\n d=e\nCOPY <<E /x\n$f\nE\n";
  expect(lintText(text).map(({ rule, lines }) => [rule, lines.start, lines.end])).toEqual([
    ["StageNameCasing", 1, 2],
    // BuildKit blames the last line of the instruction for an empty one in it.
    ["NoEmptyContinuation", 6, 6],
    ["UndefinedVar", 3, 6],
    ["UndefinedVar", 7, 9],
  ]);
});

test.each([
  { text: "FROM scratch\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET /\n", near: "$DIR_ASSETS" },
  { text: "FROM scratch\nENV PATH=$PAHT:/x\n", near: "$PATH" },
  { text: "ARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH:-amd64} scratch\n", near: "MY_ARCH" },
])("a near name is suggested: $near", ({ text, near }) => {
  expect(lintText(text)[0]?.detail).toContain(`did you mean ${near}?`);
});

test("a name that differs in case alone is suggested, one that is far off is not", () => {
  expect(lintText("FROM scratch\nARG foo=1\nUSER $Foo\n")[0]?.detail).toContain("did you mean $foo?");
  expect(lintText("FROM scratch\nARG foo=1\nUSER $elsewhere\n")[0]?.detail).not.toContain("mean");
});

test("a byte order mark and line ends of Windows move nothing", () => {
  const text = "\uFEFFFROM scratch as a\r\nWORKDIR x\r\n";
  expect(lintText(text).map((finding) => markedText(text, finding))).toEqual(["as", "x"]);
});
