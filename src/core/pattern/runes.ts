/** Bytes that are no UTF-8 count as characters of their own, above everything Unicode has. */
const INVALID_BYTE = 0x110000;

/**
 * A byte string (latin1) as the characters that Go's `range` would see: code points, a byte that is no part of valid UTF-8
 * (overlong forms and surrogates included) as 0x110000 plus the byte, so that it still equals only itself.
 */
export function decodeRunes(bytes: string): readonly number[] {
  const runes: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.charCodeAt(at);
    const length = first < 0x80 ? 1 : sequenceLength(first);
    const rune = length === 1 ? first : readSequence(bytes, at, length);
    runes.push(rune < 0 ? INVALID_BYTE + first : rune);
    at += rune < 0 ? 1 : length;
  }
  return runes;
}

export function isInvalidRune(rune: number): boolean {
  return rune >= INVALID_BYTE;
}

/** Text (UTF-16) to the byte string of its UTF-8 form: how patterns written in a Dockerfile meet paths. */
export function patternBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/** The code point at `at`; -1 where the bytes are not valid UTF-8. */
function readSequence(bytes: string, at: number, length: number): number {
  if (length === 0 || at + length > bytes.length) return -1;
  let rune = bytes.charCodeAt(at) & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const next = bytes.charCodeAt(at + i);
    if ((next & 0xc0) !== 0x80) return -1;
    rune = (rune << 6) | (next & 0x3f);
  }
  const smallest = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000;
  const isSurrogate = rune >= 0xd800 && rune <= 0xdfff;
  return rune < smallest || rune > 0x10ffff || isSurrogate ? -1 : rune;
}
