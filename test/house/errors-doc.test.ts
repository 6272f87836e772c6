import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT_CODE_OF } from "../../src/core/error-codes.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";

const sections = readFileSync(join(PROJECT_ROOT, "docs/errors.md"), "utf8").split(/^#+ /m).slice(1);
const paragraphs = new Map(
  sections.map((section) => {
    const [title = "", ...text] = section.split("\n");
    return [title, text.join("\n").trim()] as const;
  }),
);

test("every error code has a paragraph, and no paragraph is of a code that is gone", () => {
  const documented = [...paragraphs.keys()].filter((title) => /^[a-z]+\//.test(title));
  expect(documented.toSorted()).toEqual(Object.keys(EXIT_CODE_OF).toSorted());
});

test.each(Object.entries(EXIT_CODE_OF))("the paragraph of %s says what ends with %i", (code, exitCode) => {
  const text = paragraphs.get(code) ?? "";
  expect(text.length).toBeGreaterThan(40);
  expect(/Exit code (\d+)/.exec(text)?.[1] ?? "1").toBe(String(exitCode));
});
