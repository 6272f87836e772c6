import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseIgnoreFile, readIgnoreRules, toIgnoreRules } from "../../src/context/ignore-file.ts";

const shared = process.env["TSBUILD_SHARED"] ?? join(import.meta.dirname, "../../../shared");
const rows: readonly { readonly content: string; readonly patterns: readonly string[] }[] = JSON.parse(
  readFileSync(join(shared, "conformance/parser/ignorefile.json"), "utf8"),
);

test.each(rows)("$content is read as Docker reads it", ({ content, patterns }) => {
  expect(parseIgnoreFile(Buffer.from(content)).map((rule) => rule.pattern)).toEqual(patterns);
});

test("a pattern keeps bytes that are not UTF-8, and its line", () => {
  expect(parseIgnoreFile(Buffer.from("# names\n\n  caf\xe9 \n", "latin1"))).toEqual([
    { pattern: "caf\xe9", line: 3, text: "  caf\ufffd " },
  ]);
});

test.each([
  { name: "a bad class", content: "ok\n[a\n", message: "line 2: syntax error in pattern: [a" },
  { name: "a lone exclamation mark", content: "!\n", message: 'line 1: illegal exclusion pattern: "!": !' },
  { name: "a bad exception", content: "a\n\n!b\\\n", message: "line 3: syntax error in pattern: !b\\" },
  {
    name: "a line that Docker's scanner gives up on",
    content: `a\n${"x".repeat(70_000)}`,
    message: "line 2 is longer",
  },
])("$name is refused at its line", ({ content, message }) => {
  expect(() => toIgnoreRules("app.dockerignore", Buffer.from(content))).toThrow(
    expect.objectContaining({ code: "context/bad-ignore-file", message: expect.stringContaining(message) }),
  );
});

test.each([
  {
    name: "the Dockerfile's own wins",
    files: ["x.df.dockerignore", ".dockerignore"],
    expected: "x.df.dockerignore",
  },
  { name: "the shared one is next", files: [".dockerignore"], expected: ".dockerignore" },
  { name: "none is no rule", files: [], expected: null },
])("of the ignore files $name", ({ files, expected }) => {
  const read = (path: string) => (files.some((file) => path === `/c/${file}`) ? Buffer.from("a") : undefined);
  const rules = readIgnoreRules(read, { dockerfile: "/c/x.df", shared: "/c/.dockerignore" });
  expect(rules.file).toBe(expected);
});
