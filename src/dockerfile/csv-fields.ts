/** The fields of one line of CSV, as `--mount` and `--device` are written; undefined where a quote is out of place. */
export function csvFields(text: string): readonly string[] | undefined {
  if (text === "") return undefined;
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(text);
    if (match === null) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "") return fields;
  }
}
