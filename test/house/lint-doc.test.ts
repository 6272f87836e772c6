import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { docsOf, RULES, type RuleName } from "../../src/lint/rules.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";

const text = readFileSync(join(PROJECT_ROOT, "docs/lint.md"), "utf8");
const sections = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((section) => [/^.*/.exec(section)?.[0] ?? "", section]),
);
const rules = Object.keys(RULES) as RuleName[];

test("every build check has a section, and no section is of a check that is gone", () => {
  expect([...sections.keys()].toSorted()).toEqual(rules.toSorted());
});

test.each(rules)("%s: the link leads to its section, which says why and shows bad and good", (rule) => {
  expect(docsOf(rule)).toBe(`docs/lint.md#${rule.toLowerCase()}`);
  const section = sections.get(rule) ?? "";
  expect(section).toMatch(/^ {4}\S.*$/m);
  expect(section).toMatch(/^Bad:$/m);
  expect(section).toMatch(/^Good:$/m);
});
