import { BuildError } from "../core/errors.ts";
import { skipBlanks } from "./blanks.ts";

export type EscapeCharacter = "\\" | "`";

const KNOWN = new Set(["syntax", "escape", "check"]);
const PATTERN = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*([^\n]+?)[\t\n\f\r ]*$/;

/** The `# name=value` lines at the very top (BuildKit: parser/directives.go). The first line that is none ends them. */
export class Directives {
  readonly #lines = new Map<string, number>();
  readonly values: Record<string, string> = {};
  escape: EscapeCharacter = "\\";
  #open = true;

  /** Takes a line without its leading blanks; true if it is a directive. `column` is where the line begins in the file. */
  read(line: string, place: { readonly line: number; readonly column: number }): boolean {
    if (!this.#open) return false;
    const match = line.startsWith("#") ? PATTERN.exec(line.slice(skipBlanks(line, 1))) : null;
    const name = match?.[1]?.toLowerCase() ?? "";
    const value = match?.[2] ?? "";
    if (!KNOWN.has(name)) {
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
