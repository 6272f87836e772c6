/** Lines that a launcher's script writes to descriptor 3: a word, or a word and a value. */
export class LineReader {
  #rest = "";
  readonly #values = new Map<string, string>();

  /** Takes further bytes; gives the lines that they complete. */
  read(bytes: Buffer): string[] {
    const lines = `${this.#rest}${bytes.toString("utf8")}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const space = line.indexOf(" ");
      if (space > 0) this.#values.set(line.slice(0, space), line.slice(space + 1));
    }
    return lines;
  }

  /** Of the last line that began with `word`. */
  valueOf(word: string): string | undefined {
    return this.#values.get(word);
  }
}
