import { createHash } from "node:crypto";
import type { CacheKey, CacheKeyId, CacheModelName, KeyInput } from "../core/cache-key.ts";

/** Raised when the meaning of any input changes: old records then no longer match. A bump is a line in CHANGELOG.md. */
export const KEY_SCHEMA = 1;

/** The key over its inputs. Encoding is injective: every field is length-prefixed, the schema number comes first. */
export function makeKey(model: CacheModelName, inputs: readonly KeyInput[]): CacheKey {
  const fields = [
    String(KEY_SCHEMA),
    model,
    // A parent's subject is how people call it (`step 3`): content alone makes two parents one.
    ...inputs.flatMap((input) => [input.kind, isParent(input) ? "" : input.subject, input.value]),
  ];
  const hash = createHash("sha256");
  for (const field of fields) hash.update(encodeField(field));
  return { model, inputs, id: toKeyId(hash.digest("hex")) };
}

function isParent({ kind }: KeyInput): boolean {
  return kind === "parent" || kind === "base";
}

/** `5:hello`: no two lists of fields share an encoding, whatever the fields hold. Lengths count UTF-8 bytes. */
export function encodeField(field: string): string {
  return `${Buffer.byteLength(field)}:${field}`;
}

/** The door of the brand; 64 hex digits, as in a record's file name. */
export function toKeyId(hex: string): CacheKeyId {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error(`not a cache key id: ${hex}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one door of the brand
  return hex as CacheKeyId;
}
