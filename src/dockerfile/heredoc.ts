import { LexError } from "./lex-error.ts";
import { type LexOptions, lexShell } from "./shell-lexer.ts";

/** The head of a heredoc: what `<<EOF` says. */
export interface HeredocHead {
  readonly name: string;
  readonly fileDescriptor: number;
  /** False where part of the name was quoted. */
  readonly expand: boolean;
  /** `<<-`. */
  readonly chomp: boolean;
}

/** A head with its body exactly as in the file: tabs and line ends kept. */
export interface HeredocBody extends HeredocHead {
  readonly content: string;
}

/** The lexer's escape here is `\` whatever the directive says. */
const LEX: LexOptions = { escape: "\\", keepUnset: true };
const NOTHING = () => undefined;

/** The heads in a line, in order (BuildKit: parser/parser.go, heredocsFromLine). A line that does not lex has none. */
export function heredocsOf(line: string): HeredocHead[] {
  return (
    wordsOf(line, { ...LEX, rawQuotes: true, rawEscapes: true })?.flatMap(
      (word) => parseHeredocWord(word) ?? [],
    ) ?? []
  );
}

/** `<<EOF`, `3<<-"EOF"`: a word that is a heredoc, or undefined. */
export function parseHeredocWord(word: string): HeredocHead | undefined {
  const match = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word);
  const rest = match?.[3] ?? "";
  if (match === null || rest === "") return undefined;
  const words = wordsOf(rest, LEX);
  const raw = wordsOf(rest, { ...LEX, rawQuotes: true });
  const [name] = words ?? [];
  if (name === undefined || words?.length !== 1 || raw?.length !== 1) return undefined;
  return {
    name,
    fileDescriptor: match[1] === "" ? 0 : Number(match[1]),
    expand: countQuotes(name) === countQuotes(raw[0] ?? ""),
    chomp: match[2] === "-",
  };
}

/** `<<-` takes the leading tabs off every line, tabs only. */
export function chompTabs(body: string): string {
  return body.replace(/(^|\n)\t+/g, "$1");
}

function wordsOf(text: string, options: LexOptions): readonly string[] | undefined {
  try {
    return lexShell(text, NOTHING, options).words;
  } catch (error) {
    if (error instanceof LexError) return undefined;
    throw error;
  }
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}
