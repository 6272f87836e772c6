import { isBlank } from "./blanks.ts";
import type { Word } from "./logical-line.ts";

/** Words between blanks; quotes mean nothing (FROM, EXPOSE, COPY …). Offsets are into `text` moved by `base`. */
export function splitOnBlanks(text: string, base: number): Word[] {
  const words: Word[] = [];
  for (let pos = 0; pos < text.length; pos++) {
    if (isSeparator(text.charCodeAt(pos))) continue;
    const end = findSeparator(text, pos, text.length);
    words.push({ text: text.slice(pos, end), start: base + pos, end: base + end });
    pos = end;
  }
  return words;
}

/** Where the word at `from` ends. */
export function findSeparator(text: string, from: number, end: number): number {
  let pos = from;
  while (pos < end && !isSeparator(text.charCodeAt(pos))) pos++;
  return pos;
}

/** What separates arguments is ASCII only (tab, VT, FF, CR, blank), unlike what is trimmed off a line. */
function isSeparator(code: number): boolean {
  return code === 0x20 || code === 0x09 || (code >= 0x0b && code <= 0x0d);
}

/** The `KEY rest of the line` form: undefined where there is no second part. */
export function splitInTwo(text: string, base: number): readonly [Word, Word] | undefined {
  const keyEnd = findSeparator(text, 0, text.length);
  if (keyEnd === text.length) return undefined;
  let second = keyEnd;
  while (isSeparator(text.charCodeAt(second))) second++;
  return [
    { text: text.slice(0, keyEnd), start: base, end: base + keyEnd },
    { text: text.slice(second), start: base + second, end: base + text.length },
  ];
}

/**
 * Words of ARG, ENV and LABEL: blanks inside quotes belong to the word, quotes and escapes stay in it for the expansion
 * that comes later (BuildKit: parser/line_parsers.go, parseWords).
 */
export function splitQuotedWords(text: string, base: number, escape: string): Word[] {
  const words: Word[] = [];
  let pos = 0;
  while (pos < text.length) {
    if (isBlank(text.charCodeAt(pos))) {
      pos++;
      continue;
    }
    const word = readQuotedWord(text, pos, escape);
    // Only a lone escape at the very end makes a word of nothing.
    if (word.text !== "") words.push({ text: word.text, start: base + pos, end: base + word.end });
    pos = word.end;
  }
  return words;
}

function readQuotedWord(
  text: string,
  start: number,
  escape: string,
): { readonly text: string; readonly end: number } {
  let quote = "";
  let pos = start;
  for (; pos < text.length; pos++) {
    const char = text.charAt(pos);
    if (quote === "" && isBlank(text.charCodeAt(pos))) break;
    if (char === escape && quote !== "'") {
      // An escape that ends the text is dropped.
      if (pos + 1 === text.length) return { text: text.slice(start, pos), end: text.length };
      pos++;
    } else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
  }
  return { text: text.slice(start, pos), end: pos };
}
