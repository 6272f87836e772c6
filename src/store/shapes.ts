import { type Digest, parseDigest } from "../core/digest.ts";

/** Checks of what a file holds, before it is believed. */

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isDigestText(value: unknown): value is Digest {
  return typeof value === "string" && parseDigest(value) !== undefined;
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

export function isListOf<T>(value: unknown, accepts: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(accepts);
}

/** JSON text to its value; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
