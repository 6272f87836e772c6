import { createHash } from "node:crypto";
import type { CacheKey, CacheKeyId, CacheModelName, KeyInput } from "../core/cache-key.ts";

/** Raised when the meaning of any input changes: old records then no longer match. A bump is a line in CHANGELOG.md. */
export const KEY_SCHEMA = 1;

/** The key over its inputs. Encoding is injective: every field is length-prefixed, the schema number comes first. */
export function makeKey(model: CacheModelName, inputs: readonly KeyInput[]): CacheKey {
  const parts = [
    String(KEY_SCHEMA),
    model,
    // A parent's subject is how people call it (`step 3`): content alone makes two parents one. So it is with a source of which
    // a model says by its value what counts.
    ...inputs.flatMap((input) => [input.kind, isForPeople(input) ? "" : input.subject, input.value]),
  ];
  const hash = createHash("sha256");
  for (const part of parts) hash.update(encodeField(part));
  return { model, inputs, id: toKeyId(hash.digest("hex")) };
}

function isForPeople({ kind, listing }: KeyInput): boolean {
  return kind === "parent" || kind === "base" || listing !== undefined;
}

/** `5:hello`: no two lists of fields share an encoding, whatever the fields hold. Lengths count UTF-8 bytes. */
export function encodeField(field: string): string {
  return `${Buffer.byteLength(field)}:${field}`;
}

/** A list as one value, injective. */
export function fields(values: readonly string[]): string {
  return values.map(encodeField).join("");
}

/** The list that `fields` made one value of. */
export function decodeFields(value: string): string[] {
  const bytes = Buffer.from(value);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const colon = bytes.indexOf(":", at);
    if (colon < 0) break;
    const length = Number(bytes.toString("latin1", at, colon));
    found.push(bytes.toString("utf8", colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return found;
}

/** The door of the brand; 64 hex digits, as in a record's file name. */
export function toKeyId(hex: string): CacheKeyId {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error(`not a cache key id: ${hex}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one door of the brand
  return hex as CacheKeyId;
}
