import { formatTable } from "../progress/tables.ts";
import { compileTemplate } from "./template/run-template.ts";

/** A list as Docker formats it: each field has a header for tables and a value. */
export interface RowFields<Row> {
  readonly [name: string]: { readonly header: string; readonly value: (row: Row) => string };
}

/**
 * `--format`: none gives the default table, `json` a line of JSON a row, `table TEMPLATE` a table, else the template for each row.
 * In lists `\t` and `\n` are escapes, as in Docker's.
 */
export function formatRows<Row>(
  format: string | undefined,
  fields: RowFields<Row>,
  { rows, columns }: { readonly rows: readonly Row[]; readonly columns: readonly string[] },
): string {
  const asked = format === undefined || format === "" || format === "table" ? undefined : unescape(format);
  const data = rows.map((row) => valuesOf(fields, row));
  if (asked === "json") return data.map((row) => `${JSON.stringify(sorted(row))}\n`).join("");
  const table =
    asked === undefined
      ? columns.map((name) => `{{.${name}}}`).join("\t")
      : /^table\s+([\s\S]+)$/.exec(asked)?.[1];
  if (table !== undefined) return tableOf(compileTemplate(table), headersOf(fields), data);
  const line = compileTemplate(asked ?? "");
  return data.map((row) => `${line(row)}\n`).join("");
}

function tableOf(line: (data: unknown) => string, headers: unknown, data: readonly unknown[]): string {
  const titles = line(headers).split("\t");
  const rows = data.map((row) => line(row).split("\t"));
  return formatTable(
    titles.map((header, i) => ({ header, cell: (row: readonly string[]) => row[i] ?? "" })),
    rows,
  );
}

function headersOf<Row>(fields: RowFields<Row>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { header }]) => [name, header]));
}

function valuesOf<Row>(fields: RowFields<Row>, row: Row): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, { value }]) => [name, value(row)]));
}

function sorted(row: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function unescape(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}
