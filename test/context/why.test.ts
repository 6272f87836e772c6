import { expect, test } from "vitest";
import { toIgnoreRules } from "../../src/context/ignore-file.ts";
import { explainIgnore } from "../../src/context/why.ts";
import { at } from "./context-fixture.ts";

const rules = toIgnoreRules(
  ".dockerignore",
  Buffer.from("# docs\ndocs\n!docs/keep\ndocs/keep/*.tmp\nnever\n"),
);

test.each([
  { path: "src/a", ignored: false, line: undefined, matched: undefined },
  { path: "docs", ignored: true, line: 2, matched: "docs" },
  { path: "docs/a/b", ignored: true, line: 2, matched: "docs" },
  { path: "docs/keep/a", ignored: false, line: 3, matched: "docs/keep" },
  { path: "docs/keep/a.tmp", ignored: true, line: 4, matched: "docs/keep/a.tmp" },
])("$path is decided by line $line", ({ path, ignored, line, matched }) => {
  const reason = explainIgnore(rules, at(path));
  expect({ ignored: reason.ignored, line: reason.rule?.line, matched: reason.matched }).toEqual({
    ignored,
    line,
    matched,
  });
});
