import { BuildError } from "../core/errors.ts";
import { skipBlanks } from "./blanks.ts";

export type EscapeCharacter = "\\" | "`";

const KNOWN = new Set(["syntax", "escape", "check"]);
/** What stands before the `=`. The value is trimmed by hand: an expression for it would be quadratic in a run of blanks. */
const NAME = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=/;

/** The `# name=value` lines at the very top (BuildKit: parser/directives.go). The first line that is none ends them. */
export class Directives {
  readonly #lines = new Map<string, number>();
  readonly values: Record<string, string> = {};
  escape: EscapeCharacter = "\\";
  #open = true;

  /** Takes a line without its leading blanks; true if it is a directive. `column` is where the line begins in the file. */
  read(line: string, place: { readonly line: number; readonly column: number }): boolean {
    if (!this.#open) return false;
    const { name, value } = splitDirective(line);
    if (!KNOWN.has(name) || value === "") {
      this.#open = false;
      return false;
    }
    this.#refuseRepeat(name, { line: place.line, column: place.column, length: line.length });
    this.#lines.set(name, place.line);
    this.values[name] = value;
    if (name === "escape") this.escape = readEscape(value, line, place);
    return true;
  }

  /** BuildKit places this error one line above the second directive; the range here spans both, so it begins at the first. */
  #refuseRepeat(
    name: string,
    place: { readonly line: number; readonly column: number; readonly length: number },
  ): void {
    const first = this.#lines.get(name);
    if (first === undefined) return;
    throw new BuildError(
      "dockerfile/bad-directive",
      `the directive "# ${name}" is given twice, on lines ${first} and ${place.line}`,
      {
        hint: `Keep one of them: a directive may be given once.`,
        at: { line: first, column: 1, endLine: place.line, endColumn: place.column + place.length },
      },
    );
  }
}

function splitDirective(line: string): { readonly name: string; readonly value: string } {
  const text = line.slice(skipBlanks(line, 1));
  const match = line.startsWith("#") ? NAME.exec(text) : null;
  if (match === null) return { name: "", value: "" };
  const rest = text.slice(match[0].length);
  let start = 0;
  let end = rest.length;
  while (start < end && isDirectiveBlank(rest.charCodeAt(start))) start++;
  // A value of blanks alone keeps the last of them, as BuildKit's expression does.
  if (start === end && end > 0) start--;
  while (end > start + 1 && isDirectiveBlank(rest.charCodeAt(end - 1))) end--;
  return { name: match[1]?.toLowerCase() ?? "", value: rest.slice(start, end) };
}

/** Go's `\s`: fewer than what is a blank elsewhere. */
function isDirectiveBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
}

function readEscape(
  value: string,
  line: string,
  place: { readonly line: number; readonly column: number },
): EscapeCharacter {
  if (value === "\\" || value === "`") return value;
  const column = place.column + line.indexOf(value, line.indexOf("=") + 1);
  throw new BuildError("dockerfile/bad-directive", `"${value}" cannot be the escape character`, {
    hint: "Write `# escape=\\` or `# escape=` followed by a backtick.",
    at: { line: place.line, column, endLine: place.line, endColumn: column + value.length },
  });
}
