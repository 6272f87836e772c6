/**
 * Text from builds, files and registries, made harmless for a terminal. RULE: nothing a build wrote may move the cursor,
 * change the title, ring, hide text, reorder it or start a sequence that the terminal answers.
 */

/**
 * ECMA-48 control sequences in their 7-bit and 8-bit forms: CSI; strings (OSC, DCS, SOS, PM, APC) with their terminator; the rest.
 * A string without terminator loses its introducer only, so that nothing after it is hidden.
 */
const SEQUENCE =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])(?:[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c))?|\x1b[ -/]*[0-~]?/g;
const SGR = /^(?:\x1b\[|\x9b)([\d;:]*)m$/;
/** C0 but tab, DEL, C1. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
/** Embeddings, overrides and isolates (Unicode UAX 9): they reorder what stands around them. */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;
const LINE_SEPARATOR = /[\u2028\u2029]/g;
const SUSPICIOUS = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/;
const RESET = "\x1b[0m";

/** One line of build output. With `colours`, well-formed colours stay and are closed at the end of the line. */
export function safeOutput(line: string, { colours }: { readonly colours: boolean }): string {
  if (!SUSPICIOUS.test(line)) return line;
  let coloured = false;
  // Kept colours pass the control filter under a stand-in that the line itself cannot hold: it was filtered first.
  const kept: string[] = [];
  const text = line
    .replace(SEQUENCE, (sequence) => {
      const colour = colours ? safeColour(sequence) : "";
      if (colour === "") return "";
      coloured = true;
      kept.push(colour);
      return "\x1b";
    })
    .replace(CONTROL, (character) => (character === "\x1b" ? (kept.shift() ?? "") : ""));
  return visible(text) + (coloured ? RESET : "");
}

/** A file name, an instruction, a message: one line, every control character shown as an escape (`\n`, `\x1b`, `\u202e`). */
export function safeName(text: string): string {
  if (!SUSPICIOUS.test(text) && !text.includes("\t")) return text;
  return visible(text.replace(/[\x00-\x1f\x7f-\x9f]/g, escapeControl));
}

/** What a terminal would show of a line with carriage returns: the last state of a progress bar. */
export function lastState(line: string): string {
  const text = line.replace(/\r+$/, "");
  return text.slice(text.lastIndexOf("\r") + 1);
}

function visible(text: string): string {
  return text.replace(BIDI, escapeControl).replace(LINE_SEPARATOR, " ").toWellFormed();
}

function escapeControl(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** The sequence in 7-bit form with only colours and plain emphasis in it; "" where nothing of it may stay. */
function safeColour(sequence: string): string {
  const parameters = SGR.exec(sequence)?.[1];
  if (parameters === undefined) return "";
  if (parameters === "" || parameters === "0") return RESET;
  const codes = parameters.split(/[;:]/).map((code) => Number(code === "" ? "0" : code));
  const kept: string[] = [];
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    const extended = code === 38 || code === 48;
    const length = extended ? extendedColourLength(codes[index + 1]) : 1;
    if (isPlainStyle(code) && (!extended || length > 1))
      kept.push(codes.slice(index, index + length).join(";"));
    index += length - 1;
  }
  return kept.length === 0 ? "" : `\x1b[${kept.join(";")}m`;
}

/** Not blinking (5, 6), not concealed (8), no fonts. */
function isPlainStyle(code: number): boolean {
  return (
    (code >= 0 && code <= 4) ||
    code === 7 ||
    (code >= 22 && code <= 24) ||
    code === 27 ||
    (code >= 30 && code <= 49) ||
    (code >= 90 && code <= 107)
  );
}

/** `38;5;n` and `38;2;r;g;b`. */
function extendedColourLength(form: number | undefined): number {
  return form === 5 ? 3 : form === 2 ? 5 : 1;
}
