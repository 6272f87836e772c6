import { expect, test } from "vitest";
import { expandWord } from "../../src/dockerfile/expand.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { failureOf } from "./failure.ts";

const parse = (text: string) => parseDockerfile({ name: "Dockerfile", text });

/** Sizes at which anything quadratic would outlast the test's time. */
test.each([
  {
    name: "5 MB of instructions",
    text: `FROM a\n${'RUN echo hello && echo x\nENV A=1 B="x y"\nCOPY --chown=1:2 a b /c\n'.repeat(70_000)}`,
    count: 210_000,
  },
  {
    name: "one RUN of 160,000 lines",
    text: `FROM a\nRUN echo \\\n${"  some words and \\<<x here \\\n".repeat(160_000)} end\n`,
    count: 1,
  },
  {
    name: "a heredoc of 2 MB",
    text: `FROM a\nRUN <<EOF\n${"echo hello <<X \\\n".repeat(130_000)}EOF\n`,
    count: 1,
  },
  { name: "400,000 pairs", text: `FROM a\nENV \\\n${'A="x y" \\\n'.repeat(400_000)}\n`, count: 1 },
  {
    name: "100,000 flags beyond ASCII",
    text: `FROM a\nRUN \\\n${"--mount=target=/ü \\\n".repeat(100_000)} x\n`,
    count: 1,
  },
  {
    name: "a million comment lines inside an instruction",
    text: `FROM a\nRUN x \\\n${"# c\n".repeat(1_000_000)} y\n`,
    count: 1,
  },
  {
    name: "directives with runs of 60,000 blanks",
    text: `# syntax=x${" ".repeat(60_000)}y\n# check=${" ".repeat(60_000)}z${" ".repeat(5000)}\nFROM a\nRUN x\n`,
    count: 1,
  },
])("$name parse", ({ text, count }) => {
  expect(parse(text).stages[0]?.instructions).toHaveLength(count);
});

test("a directive's value is what stands between its blanks", () => {
  const { directives } = parse("# syntax \t=  a b \t\n#check=c\r\n# escape=`  \nFROM a\n");
  expect(directives).toEqual({ syntax: "a b", check: "c", escape: "`" });
});

test("nesting without end is refused, not followed", () => {
  expect(
    failureOf(() => expandWord("${a:-".repeat(200_000), () => undefined, { escape: "\\" })).message,
  ).toContain("too deep");
  expect(failureOf(() => parse(`FROM a\n${"ONBUILD ".repeat(8000)}RUN x\n`)).message).toContain("chained");
});

test("a pattern of many stars takes its time in the value's length only", () => {
  const value = "a".repeat(20_000);
  const lookup = () => value;
  expect(expandWord(`\${A#${"*a".repeat(12)}b}`, lookup, { escape: "\\" }).value).toBe(value);
  expect(expandWord(`\${A//a${"*a".repeat(12)}b/x}`, lookup, { escape: "\\" }).value).toBe(value);
});
