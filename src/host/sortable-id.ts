import { randomBytes } from "node:crypto";

/** Crockford's base 32: no I, L, O or U, so that an id read aloud or copied by hand stays the same id. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** 26 characters, as a ULID: ten of time in milliseconds, sixteen at random. Later ids sort after earlier ones as text. */
export function newSortableId(nowMs: number): string {
  let time = "";
  for (let rest = Math.floor(nowMs), i = 0; i < TIME_DIGITS; i += 1) {
    time = `${DIGITS[rest % 32]}${time}`;
    rest = Math.floor(rest / 32);
  }
  let random = "";
  for (const byte of randomBytes(RANDOM_DIGITS)) random += DIGITS[byte % 32];
  return time + random;
}

export function isSortableId(text: string): boolean {
  return /^[0-9A-HJKMNP-TV-Z]{26}$/.test(text);
}

/** Milliseconds since 1970 that an id was made at. */
export function timeOfId(id: string): number {
  let time = 0;
  for (const digit of id.slice(0, TIME_DIGITS)) time = time * 32 + DIGITS.indexOf(digit);
  return time;
}
