import { expect, test } from "vitest";
import { parseTrigger } from "../../src/dockerfile/triggers.ts";
import { failureOf } from "./failure.ts";

const FROM = { line: 3, column: 1, endLine: 3, endColumn: 10 };

test("a trigger becomes an instruction of the child build, placed at its FROM", () => {
  expect(parseTrigger("COPY --chown=1 . /app", FROM)).toMatchObject({
    type: "COPY",
    at: FROM,
    flags: [{ name: "chown", value: "1", at: FROM }],
    source: "COPY --chown=1 . /app",
  });
});

test("a trigger with a heredoc brings its body", () => {
  expect(parseTrigger("RUN <<EOF\necho a\nEOF", FROM)).toMatchObject({ heredocs: [{ content: "echo a\n" }] });
});

test.each([
  { name: "an unknown instruction", text: "RUNN x", code: "dockerfile/unknown-instruction" },
  { name: "a FROM", text: "FROM x", code: "dockerfile/bad-arguments" },
  { name: "two instructions", text: "RUN a\nRUN b", code: "dockerfile/bad-arguments" },
  { name: "nothing", text: "", code: "dockerfile/empty" },
])("$name is refused at the FROM that brought it", ({ text, code }) => {
  const error = failureOf(() => parseTrigger(text, FROM));
  expect(error.code).toBe(code);
  expect(error.details.at).toEqual(FROM);
  expect(error.message).toContain("ONBUILD");
});
