import { isBlank, skipBlanks } from "./blanks.ts";
import type { Word } from "./logical-line.ts";

export interface FlagWords {
  /** `--name=value` with quotes and escapes taken off. */
  readonly words: readonly Word[];
  /** Where the arguments begin (blanks may still come first). */
  readonly rest: number;
}

/**
 * Splits the leading `--flags` off an instruction's arguments (BuildKit: parser/split_command.go). A word `--` ends them.
 *
 * BuildKit reads bytes here and takes each for a character: `--exclude=ü` becomes `Ã¼`, and the byte A0 of `à` ends a word.
 * What is built must be what BuildKit builds, so text beyond ASCII takes the same way.
 */
export function splitFlags(
  text: string,
  { from, to, escape }: { readonly from: number; readonly to: number; readonly escape: string },
): FlagWords {
  const start = skipBlanks(text, from, to);
  if (!text.startsWith("--", start) || start + 2 > to) return { words: [], rest: start };
  const part = text.slice(start, to);
  const isAscii = /^[\x00-\x7f]*$/.test(part);
  const bytes = isAscii ? part : Buffer.from(part, "utf8").toString("latin1");
  const found = splitCharacters(bytes, escape);
  const toUnits = isAscii ? (offset: number) => offset : unitsOf(bytes);
  const words = found.words.map((word) => ({
    text: word.text,
    start: start + toUnits(word.start),
    end: start + toUnits(word.end),
  }));
  return { words, rest: start + toUnits(found.rest) };
}

/** Byte offsets to UTF-16 offsets, asked for in rising order. */
function unitsOf(bytes: string): (offset: number) => number {
  let at = 0;
  let units = 0;
  return (offset) => {
    for (; at < offset; at++) {
      const byte = bytes.charCodeAt(at);
      // Continuation bytes count nothing; a sequence of four is a surrogate pair.
      if (byte < 0x80 || byte >= 0xc0) units += byte >= 0xf0 ? 2 : 1;
    }
    return units;
  };
}

function splitCharacters(text: string, escape: string): FlagWords {
  const words: Word[] = [];
  let pos = skipBlanks(text, 0);
  while (text.startsWith("--", pos)) {
    const word = readFlag(text, pos, escape);
    if (word.text === "--") return { words, rest: word.end };
    words.push(word);
    pos = skipBlanks(text, word.end);
  }
  return { words, rest: pos };
}

/** One word from `start` on. The escape works inside single quotes too, unlike in a shell. */
function readFlag(text: string, start: number, escape: string): Word {
  let value = "";
  let quote = "";
  let pos = start;
  for (; pos < text.length; pos++) {
    const char = text.charAt(pos);
    if (quote === "" && isBlank(text.charCodeAt(pos))) break;
    if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === escape) value += text.charAt(++pos);
    else value += char;
  }
  const end = Math.min(pos, text.length);
  return { text: value, start, end };
}
