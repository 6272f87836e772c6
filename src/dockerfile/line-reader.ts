import { BuildError } from "../core/errors.ts";

/** One line of the file. */
export interface RawLine {
  /** Without its line end: every `\r` and `\n` at the end is off. */
  readonly text: string;
  readonly number: number;
  /** Where the line begins in the file's text, and where the next one does. */
  readonly offset: number;
  readonly next: number;
}

/** BuildKit reads with a buffer of 64 KiB and refuses a longer line. */
const MAX_LINE_BYTES = 65_535;

/** The lines of a text one after another; a `\r` alone ends none. A byte order mark at the very start is no part of line 1. */
export class LineReader {
  readonly text: string;
  #offset: number;
  #number = 0;

  constructor(text: string) {
    this.text = text;
    this.#offset = text.startsWith("\uFEFF") ? 1 : 0;
  }

  next(): RawLine | undefined {
    const offset = this.#offset;
    if (offset >= this.text.length) return undefined;
    const newline = this.text.indexOf("\n", offset);
    const next = newline < 0 ? this.text.length : newline + 1;
    const number = ++this.#number;
    let end = newline < 0 ? next : newline;
    refuseLongLine(this.text, { from: offset, to: end, number });
    while (end > offset && this.text.charCodeAt(end - 1) === 0x0d) end--;
    this.#offset = next;
    return { text: this.text.slice(offset, end), number, offset, next };
  }
}

function refuseLongLine(
  text: string,
  { from, to, number }: { readonly from: number; readonly to: number; readonly number: number },
): void {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if ((to - from) * 3 <= MAX_LINE_BYTES) return;
  if (Buffer.byteLength(text.slice(from, to), "utf8") <= MAX_LINE_BYTES) return;
  throw new BuildError("dockerfile/too-large", `line ${number} is longer than ${MAX_LINE_BYTES} bytes`, {
    hint: "Break it with continuations, or put the text in a file and COPY it.",
    at: { line: number, column: 1, endLine: number, endColumn: 2 },
  });
}
