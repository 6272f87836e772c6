import { expect, test } from "vitest";
import { formatTable } from "../../src/progress/tables.ts";

interface Row {
  readonly name: string;
  readonly tag: string;
  readonly size: string;
}
const columns = [
  { header: "REPOSITORY", cell: (row: Row) => row.name },
  { header: "TAG", cell: (row: Row) => row.tag },
  { header: "SIZE", cell: (row: Row) => row.size },
];

test("columns stand as Docker's do: three spaces apart, ten wide at least, the last one not padded", () => {
  const rows = [
    { name: "hello", tag: "1.0.0", size: "61.2MB" },
    { name: "registry.example/team/app", tag: "latest", size: "1.5kB" },
  ];
  expect(formatTable(columns, rows)).toBe(
    [
      "REPOSITORY                  TAG       SIZE",
      "hello                       1.0.0     61.2MB",
      "registry.example/team/app   latest    1.5kB",
      "",
    ].join("\n"),
  );
});

test("without rows the headers stand alone", () => {
  expect(formatTable(columns, [])).toBe("REPOSITORY   TAG       SIZE\n");
});

test("cells are as wide as drawn, and harmless", () => {
  expect(formatTable(columns, [{ name: "资产", tag: "a\nb", size: "\x1b[2J" }])).toBe(
    "REPOSITORY   TAG       SIZE\n资产         a\\nb      \\x1b[2J\n",
  );
});
