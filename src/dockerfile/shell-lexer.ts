import { isBlank } from "./blanks.ts";
import { LexError } from "./lex-error.ts";
import { replacePattern, trimPrefix, trimSuffix } from "./shell-pattern.ts";

export type Lookup = (name: string) => string | undefined;

export interface LexOptions {
  readonly escape: string;
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escapes stay in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters: bodies of heredocs. */
  readonly literalQuotes?: boolean;
  /** `$X` and `${X…}` of an unset variable stay as written. */
  readonly keepUnset?: boolean;
}

export interface Lexed {
  readonly value: string;
  readonly words: readonly string[];
  readonly unmatched: readonly string[];
}

const SPECIAL = /[$<'"\\`]/;
const NAME = /\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*/uy;
/** Deeper nesting than anyone writes; keeps hostile text off the call stack. */
const MAX_DEPTH = 500;
/** Far beyond what a program can be given as an argument or a variable. */
const MAX_EXPANDED = 4 << 20;

/** Quotes, escapes and variables of one word (BuildKit: dockerfile/shell/lex.go, its odd corners included). */
export function lexShell(text: string, lookup: Lookup, options: LexOptions): Lexed {
  // Go's text scanner skips a byte order mark at its start.
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return new ShellLexer(source, lookup, options).run();
}

class ShellLexer {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: LexOptions;
  readonly #unmatched = new Set<string>();
  /** The word in the making. One for all depths, as in BuildKit: `a${B:-c}` splits to `c`, the `a` is lost. */
  #word = "";
  #rawEscapes: boolean;
  #pos = 0;
  #depth = 0;
  /** Characters that variables have put in. */
  #expanded = 0;

  constructor(text: string, lookup: Lookup, options: LexOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#rawEscapes = options.rawEscapes === true;
  }

  run(): Lexed {
    const { value, words } = this.#readUntil("", this.#rawEscapes);
    return { value, words, unmatched: [...this.#unmatched] };
  }

  /** Reads on to `stop` (the end of the text where it is empty) and past it. */
  #readUntil(stop: string, rawEscapes: boolean): { readonly value: string; readonly words: string[] } {
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    if (++this.#depth > MAX_DEPTH) throw new LexError("substitutions are nested too deep");
    try {
      return this.#readParts(stop);
    } finally {
      this.#depth--;
      this.#rawEscapes = outer;
    }
  }

  #readParts(stop: string): { readonly value: string; readonly words: string[] } {
    const words: string[] = [];
    let value = "";
    this.#word = "";
    while (this.#pos < this.#text.length) {
      const char = this.#text.charAt(this.#pos);
      if (char === stop) {
        this.#pos++;
        return { value, words: this.#finishWord(words) };
      }
      if (char === "$") {
        const part = this.#readDollar();
        value += part;
        this.#addSplitting(part, words);
      } else if (char === this.#options.escape) {
        const part = this.#readEscaped();
        value += part;
        this.#word += part;
      } else if (isQuote(char) && this.#options.literalQuotes !== true) {
        const part = char === "'" ? this.#readSingleQuoted() : this.#readDoubleQuoted();
        value += part;
        this.#word += part;
      } else if (char === "<") {
        const part = this.#readHeredocMark();
        value += part;
        this.#word += part;
      } else {
        const part = this.#readPlain(stop);
        value += part;
        this.#addSplitting(part, words);
      }
    }
    if (stop !== "") throw new LexError(`unexpected end of statement while looking for matching ${stop}`);
    return { value, words: this.#finishWord(words) };
  }

  #finishWord(words: string[]): string[] {
    if (this.#word !== "") words.push(this.#word);
    this.#word = "";
    return words;
  }

  /** Blanks in unquoted text and in the values of variables end a word. */
  #addSplitting(text: string, words: string[]): void {
    let start = 0;
    for (let pos = 0; pos < text.length; pos++) {
      if (!isBlank(text.charCodeAt(pos))) continue;
      this.#word += text.slice(start, pos);
      this.#finishWord(words);
      start = pos + 1;
    }
    this.#word += text.slice(start);
  }

  /** A run of characters that mean only themselves. */
  #readPlain(stop: string): string {
    const start = this.#pos++;
    while (this.#pos < this.#text.length) {
      const char = this.#text.charAt(this.#pos);
      if (char === stop || SPECIAL.test(char)) break;
      this.#pos++;
    }
    return this.#text.slice(start, this.#pos);
  }

  #readEscaped(): string {
    const escape = this.#rawEscapes ? this.#text.charAt(this.#pos) : "";
    const part = escape + this.#text.charAt(this.#pos + 1);
    this.#pos = Math.min(this.#pos + 2, this.#text.length);
    return part;
  }

  #readSingleQuoted(): string {
    const close = this.#text.indexOf("'", this.#pos + 1);
    if (close < 0) {
      this.#pos = this.#text.length;
      throw new LexError("unexpected end of statement while looking for matching single-quote");
    }
    const raw = this.#options.rawQuotes === true;
    const part = this.#text.slice(this.#pos + (raw ? 0 : 1), close + (raw ? 1 : 0));
    this.#pos = close + 1;
    return part;
  }

  /** Inside double quotes the escape counts before `"`, `$` and itself only. */
  #readDoubleQuoted(): string {
    const { escape } = this.#options;
    const mark = this.#options.rawQuotes === true ? '"' : "";
    let value = mark;
    this.#pos++;
    while (this.#pos < this.#text.length) {
      const char = this.#text.charAt(this.#pos);
      if (char === '"') {
        this.#pos++;
        return value + mark;
      }
      if (char === "$") {
        value += this.#readDollar();
        continue;
      }
      this.#pos++;
      if (char !== escape) {
        value += char;
        continue;
      }
      if (this.#rawEscapes) value += char;
      const next = this.#text.charAt(this.#pos);
      if (next === "") continue;
      if (next === '"' || next === "$" || next === escape) {
        value += next;
        this.#pos++;
      } else value += char;
    }
    throw new LexError("unexpected end of statement while looking for matching double-quote");
  }

  /** `<<` keeps the blanks behind it, so that `<< EOF` stays one word. */
  #readHeredocMark(): string {
    const mark = /<(?:<[\t\r ]*)?/y;
    mark.lastIndex = this.#pos;
    const part = mark.exec(this.#text)?.[0] ?? "<";
    this.#pos += part.length;
    return part;
  }

  #readDollar(): string {
    this.#pos++;
    if (this.#text.charAt(this.#pos) === "{") {
      this.#pos++;
      return this.#readBraces();
    }
    const name = this.#readName();
    if (name === "") return "$";
    const value = this.#get(name);
    return value ?? (this.#options.keepUnset === true ? `$${name}` : "");
  }

  #readBraces(): string {
    const first = this.#text.charAt(this.#pos);
    if (first === "") throw new LexError("syntax error: missing '}'");
    if (first === "{" || first === "}" || first === ":") throw new LexError("syntax error: bad substitution");
    const name = this.#readName();
    const operator = this.#readCharacter();
    switch (operator) {
      case "}":
        return this.#get(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : "");
      case ":":
        return this.#readModifier(name, `:${this.#readCharacter()}`);
      case "+":
      case "-":
      case "?":
      case "#":
      case "%":
        return this.#readModifier(name, operator);
      case "/":
        return this.#readReplacement(name);
      default:
        throw unsupported(operator);
    }
  }

  #readModifier(name: string, modifier: string): string {
    const operator = modifier.replace(":", "");
    const isTrim = operator === "#" || operator === "%";
    if (isTrim && modifier !== operator) throw unsupported(modifier);
    const word = this.#readOperand("}", isTrim);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${modifier}${word}}`;
    if (!isTrim) return chooseValue({ name, modifier, operator, value }, word);
    const greedy = word.startsWith(operator);
    const pattern = greedy ? word.slice(1) : word;
    const trim = operator === "#" ? trimPrefix : trimSuffix;
    return explainPattern(pattern, () => trim(pattern, value ?? "", greedy));
  }

  #readReplacement(name: string): string {
    const all = this.#text.charAt(this.#pos) === "/";
    if (all) this.#pos++;
    const pattern = this.#readOperand("/", true);
    const replacement = this.#readOperand("}", true);
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset === true)
      return `\${${name}/${pattern}/${replacement}}`;
    return explainPattern(pattern, () => {
      const replaced = replacePattern(value ?? "", { pattern, replacement, all }, MAX_EXPANDED);
      if (replaced === undefined) throw tooLong();
      return replaced;
    });
  }

  /** Text up to `stop`; where it failed at the end of all text, the missing `stop` is what a person must hear of. */
  #readOperand(stop: "}" | "/", rawEscapes: boolean): string {
    try {
      return this.#readUntil(stop, rawEscapes).value;
    } catch (error) {
      if (this.#pos < this.#text.length || !(error instanceof LexError)) throw error;
      throw new LexError(stop === "}" ? "syntax error: missing '}'" : "syntax error: missing '/' in ${}");
    }
  }

  #readName(): string {
    const name = readAsciiName(this.#text, this.#pos) ?? this.#readAnyName();
    this.#pos += name.length;
    return name;
  }

  #readAnyName(): string {
    NAME.lastIndex = this.#pos;
    return NAME.exec(this.#text)?.[0] ?? "";
  }

  /** One code point; "\uFFFD" at the end of the text, which is how Go shows it. */
  #readCharacter(): string {
    const code = this.#text.codePointAt(this.#pos);
    if (code === undefined) return "\uFFFD";
    const char = String.fromCodePoint(code);
    this.#pos += char.length;
    return char;
  }

  #get(name: string): string | undefined {
    const value = this.#lookup(name);
    if (value === undefined) this.#unmatched.add(name);
    this.#expanded += value?.length ?? 0;
    if (this.#expanded > MAX_EXPANDED) throw tooLong();
    return value;
  }
}

/** `-` `+` `?`, alone or behind a colon, which makes an empty value count as none. */
function chooseValue(
  variable: {
    readonly name: string;
    readonly modifier: string;
    readonly operator: string;
    readonly value: string | undefined;
  },
  word: string,
): string {
  const { name, modifier, operator, value } = variable;
  const isMissing = value === undefined || (value === "" && modifier !== operator);
  switch (operator) {
    case "-":
      return isMissing ? word : value;
    case "+":
      return isMissing ? "" : word;
    case "?": {
      if (!isMissing) return value;
      const state = value === undefined ? "unset" : "empty";
      throw new LexError(`${name}: ${word === "" ? `is not allowed to be ${state}` : word}`);
    }
    default:
      throw unsupported(modifier);
  }
}

/** Twenty ARGs that each name the one before twice would make a value of a million times the first. */
function tooLong(): LexError {
  return new LexError(`the value would be longer than ${MAX_EXPANDED >> 20} MiB`);
}

function isQuote(char: string): boolean {
  return char === "'" || char === '"';
}

function unsupported(modifier: string): LexError {
  return new LexError(`unsupported modifier (${modifier}) in substitution`);
}

function explainPattern(pattern: string, apply: () => string): string {
  try {
    return apply();
  } catch (error) {
    throw error instanceof LexError
      ? new LexError(`invalid pattern (${pattern}) in substitution: ${error.message}`)
      : error;
  }
}

/** A name of ASCII letters, digits and `_` that ends at an ASCII character: what nearly all are, without compiling a pattern over all of Unicode. */
function readAsciiName(text: string, start: number): string | undefined {
  if (!isLetter(text.charCodeAt(start))) return undefined;
  let end = start + 1;
  while (isLetter(text.charCodeAt(end)) || isDigit(text.charCodeAt(end))) end += 1;
  return text.charCodeAt(end) >= 0x80 ? undefined : text.slice(start, end);
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
