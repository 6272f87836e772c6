/** The few styles of the display. Sixteen-colour codes: they follow the person's own palette. */
const CODES = {
  plain: "",
  dim: "2",
  bold: "1",
  wait: "90",
  run: "36",
  hit: "94",
  miss: "32",
  skip: "90",
  fail: "1;31",
  canceled: "33",
  warning: "33",
  place: "94",
  hint: "36",
} as const;

export type Style = keyof typeof CODES;
export type Paint = (style: Style, text: string) => string;

/** With `colours` false the text comes back as it is: no byte of a sequence reaches a pipe. */
export function createPaint(colours: boolean): Paint {
  return (style, text) =>
    colours && CODES[style] !== "" && text !== "" ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}
