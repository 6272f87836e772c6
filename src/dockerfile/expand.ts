import { BuildError } from "../core/errors.ts";
import { LexError } from "./lex-error.ts";
import { type Lexed, type Lookup, lexShell } from "./shell-lexer.ts";

export type { Lookup } from "./shell-lexer.ts";

export interface ExpandOptions {
  /** The escape character of the Dockerfile. */
  readonly escape: string;
  /** `literal`: quotes are ordinary characters, as in the body of a heredoc. */
  readonly quotes?: "literal";
}

export interface ExpandedWord {
  readonly value: string;
  /** Names that `lookup` did not know, in the order of their first use. */
  readonly unmatched: readonly string[];
}

/**
 * Variables put in, quotes and escapes taken off, blanks kept. Throws dockerfile/bad-expansion without a place: the caller
 * knows which instruction the word is from.
 */
export function expandWord(word: string, lookup: Lookup, options: ExpandOptions): ExpandedWord {
  if (isPlain(word, options)) return { value: word, unmatched: [] };
  const { value, unmatched } = expand(word, lookup, options);
  return { value, unmatched };
}

/** The same, then split at unquoted blanks, those in the values of variables included. */
export function expandWords(word: string, lookup: Lookup, options: ExpandOptions): readonly string[] {
  return expand(word, lookup, options).words;
}

function isPlain(word: string, { escape }: ExpandOptions): boolean {
  return !/[$'"\uFEFF]/.test(word) && !word.includes(escape);
}

function expand(word: string, lookup: Lookup, { escape, quotes }: ExpandOptions): Lexed {
  try {
    return lexShell(word, lookup, { escape, literalQuotes: quotes === "literal" });
  } catch (error) {
    if (!(error instanceof LexError)) throw error;
    const shown = word.length > 200 ? `${word.slice(0, 200)}…` : word;
    throw new BuildError("dockerfile/bad-expansion", `cannot expand ${shown}: ${error.message}`, {
      hint: hintFor(error.message),
      cause: error,
    });
  }
}

function hintFor(problem: string): string {
  const required = /^([\p{L}\p{Nd}_]+): /u.exec(problem)?.[1];
  if (required !== undefined)
    return `Give ${required} a value: --build-arg ${required}=…, or a default in its ARG.`;
  if (problem.includes("longer than"))
    return "Do the variables name each other more often than you meant? Put what is that long in a file and COPY it.";
  if (problem.includes("quote"))
    return "Close the quote, or write a backslash before it to mean the character itself.";
  if (problem.includes("missing '/'")) return "A replacement reads ${NAME/pattern/text}.";
  if (problem.includes("missing '}'") || problem.includes("\uFFFD")) return "Close the substitution with }.";
  if (problem.includes("pattern")) return "In a pattern a backslash may stand before *, ?, }, / and itself.";
  return "Known forms: ${NAME} ${NAME:-text} ${NAME-text} ${NAME:+text} ${NAME:?text} ${NAME#pattern} ${NAME%pattern} ${NAME/pattern/text}.";
}
