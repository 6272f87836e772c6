import { displayWidth, padToWidth } from "./display-width.ts";
import { safeName } from "./safe-text.ts";

/** Docker's tables: three spaces between columns, none narrower than ten with them, the last one not padded. */
const GAP_COLUMNS = 3;
const MIN_CELL_COLUMNS = 10;

export interface TableColumn<Row> {
  /** As printed: `IMAGE ID`. */
  readonly header: string;
  readonly cell: (row: Row) => string;
}

/** Headers and one line a row, each ended by a newline. Cells are made harmless; nothing is cut. */
export function formatTable<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string {
  const lines = [
    columns.map(({ header }) => header),
    ...rows.map((row) => columns.map(({ cell }) => safeName(cell(row)))),
  ];
  const widths = columns.map((_, index) =>
    lines.reduce(
      (most, line) => Math.max(most, displayWidth(line[index] ?? "") + GAP_COLUMNS),
      MIN_CELL_COLUMNS,
    ),
  );
  return lines
    .map((line) =>
      line.map((cell, index) => (index === line.length - 1 ? cell : padToWidth(cell, widths[index] ?? 0))),
    )
    .map((cells) => `${cells.join("")}\n`)
    .join("");
}
