import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CACHE_MODELS } from "../../src/core/cache-key.ts";
import { resultOf, TABLE, TABLE_MODELS } from "../conformance/edit-table.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";

/** The table that a person reads is the one that the models and the engines are held to. */
test("docs/cache-models.md has the table of test/conformance/edit-table.ts, row for row", () => {
  const doc = readFileSync(join(PROJECT_ROOT, "docs/cache-models.md"), "utf8");
  const table = doc.slice(doc.indexOf("| edit |"), doc.indexOf("\n\n", doc.indexOf("| edit |")));
  expect(table.split("\n").slice(2)).toEqual([...new Set(TABLE.map(rowText))]);
});

test("the table has a column for each model", () => {
  expect([...TABLE_MODELS].toSorted()).toEqual([...CACHE_MODELS].toSorted());
});

function rowText(row: (typeof TABLE)[number]): string {
  const cells = TABLE_MODELS.map((model) =>
    Array.from(resultOf(row, model))
      .map((letter) => (letter === "H" ? "hit" : "**MISS**"))
      .join(" → "),
  );
  return `| ${row.edit} | ${cells.join(" | ")} |`;
}
