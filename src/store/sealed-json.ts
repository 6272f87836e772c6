import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { errnoOf } from "../host/errno.ts";

/**
 * JSON files that know their own digest: `{"sha256":"…","value":{…}}`, the digest being that of the value's text. A flipped
 * bit or a half of a file is noticed, and people still read it with jq.
 */
export function seal(value: unknown): string {
  const text = JSON.stringify(value);
  return `{"sha256":"${hash("sha256", text)}","value":${text}}\n`;
}

const HEAD = /^\{"sha256":"([0-9a-f]{64})","value":/;
const TAIL = "}\n";

/** The value; undefined where the text is not what `seal` wrote. */
export function unseal(text: string): unknown {
  const digest = HEAD.exec(text)?.[1];
  if (digest === undefined || !text.endsWith(TAIL)) return undefined;
  const value = text.slice(`{"sha256":"${digest}","value":`.length, -TAIL.length);
  return hash("sha256", value) === digest ? JSON.parse(value) : undefined;
}

export type SealedFile<T> =
  | { readonly state: "good"; readonly value: T }
  | { readonly state: "absent" | "damaged" };

/** Reads a sealed file; `accepts` says whether the value has the shape of this schema. */
export function readSealed<T>(path: string, accepts: (value: unknown) => value is T): SealedFile<T> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { state: "absent" };
    if (code === "EIO" || code === "EISDIR") return { state: "damaged" };
    throw error;
  }
  const value = unseal(text);
  return value !== undefined && accepts(value) ? { state: "good", value } : { state: "damaged" };
}
