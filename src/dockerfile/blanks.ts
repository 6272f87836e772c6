/** White space as Go's unicode.IsSpace sees it: U+0085 is in, U+FEFF is not; JavaScript's `\s` has both the other way round. */
export function isBlank(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** Where the first non-blank at or behind `from` is; `end` where there is none. */
export function skipBlanks(text: string, from: number, end = text.length): number {
  let pos = from;
  while (pos < end && isBlank(text.charCodeAt(pos))) pos++;
  return pos;
}

/** Where the text before `end` ends without its trailing blanks; never below `from`. */
export function skipBlanksBack(text: string, from: number, end: number): number {
  let pos = end;
  while (pos > from && isBlank(text.charCodeAt(pos - 1))) pos--;
  return pos;
}

export function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0);
  return text.slice(start, skipBlanksBack(text, start, text.length));
}
