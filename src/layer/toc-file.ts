import { hash } from "node:crypto";
import type { BytePath } from "../core/byte-path.ts";
import type { Digest } from "../core/digest.ts";
import type { Xattrs } from "../core/file-tree.ts";
import { KIND_OF, type Toc } from "./toc.ts";

/** First line: what it is, the schema, the sha256 of the rest. A bit that fell over is found before anything is believed. */
const HEAD = /^tsbuild-toc 1 ([0-9a-f]{64})\n$/;
const HEAD_BYTES = "tsbuild-toc 1 \n".length + 64;
const DIGEST_CHARS = "sha256:".length + 64;
const KINDS = new RegExp(`^[${Object.keys(KIND_OF).join("")}]*$`);

/** A table as a file: a head line and one JSON object of columns. Names are in it as their raw bytes, so UTF-8 ones read well. */
export function encodeToc(toc: Toc): Buffer {
  const json = JSON.stringify({
    length: toc.length,
    kinds: toc.kinds,
    paths: toc.paths,
    modes: toc.modes,
    uids: toc.uids,
    gids: toc.gids,
    sizes: toc.sizes,
    mtimes: toc.mtimes,
    offsets: toc.offsets,
    // One long string parses ten times faster than as many short ones.
    digestRows: runsOf(toc.digests),
    digests: toc.digests.join(""),
    nanos: [...toc.nanos],
    targets: [...toc.targets],
    devices: [...toc.devices],
    xattrs: [...toc.xattrs],
    sparse: [...toc.sparse],
  });
  const body = Buffer.from(json, "latin1");
  return Buffer.concat([Buffer.from(`tsbuild-toc 1 ${hash("sha256", body)}\n`), body]);
}

/** The table of a file; undefined where it is damaged or of another schema: the caller makes it anew from the blob. */
export function decodeToc(file: Uint8Array): Toc | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const expected = HEAD.exec(bytes.toString("latin1", 0, HEAD_BYTES))?.[1];
  const body = bytes.subarray(HEAD_BYTES);
  if (expected === undefined || hash("sha256", body) !== expected) return undefined;
  try {
    return toToc(JSON.parse(body.toString("latin1")));
  } catch {
    return undefined;
  }
}

/** Throws where the shape is not that of a table; decodeToc turns that into undefined. */
function toToc(json: unknown): Toc {
  if (!isRecord(json)) throw new TypeError("not an object");
  const length = json["length"];
  const kinds = json["kinds"];
  if (typeof length !== "number" || typeof kinds !== "string") throw new TypeError("no kinds");
  if (kinds.length !== length || !KINDS.test(kinds)) throw new TypeError("bad kinds");
  const row = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < length;
  return {
    length,
    kinds,
    paths: pathColumn(json["paths"], length),
    modes: numberColumn(json["modes"], length),
    uids: numberColumn(json["uids"], length),
    gids: numberColumn(json["gids"], length),
    sizes: numberColumn(json["sizes"], length),
    mtimes: numberColumn(json["mtimes"], length),
    offsets: numberColumn(json["offsets"], length),
    digests: digestColumn(json["digests"], json["digestRows"], length),
    nanos: sparseColumn(json["nanos"], row, isNumber),
    targets: sparseColumn(json["targets"], row, isString),
    devices: sparseColumn(json["devices"], row, isDevice),
    xattrs: sparseColumn(json["xattrs"], row, isXattrs),
    sparse: sparseColumn(json["sparse"], row, isNumbers),
  };
}

function pathColumn(value: unknown, length: number): readonly BytePath[] {
  if (!isColumn(value, length) || !value.every(isPath)) throw new TypeError("bad paths");
  return value;
}

function numberColumn(value: unknown, length: number): readonly number[] {
  if (!isColumn(value, length) || !value.every(isNumber)) throw new TypeError("bad numbers");
  return value;
}

function digestColumn(pool: unknown, runs: unknown, length: number): readonly (Digest | undefined)[] {
  if (typeof pool !== "string" || !isNumbers(runs)) throw new TypeError("bad digests");
  const digests: (Digest | undefined)[] = [];
  let at = 0;
  let has = false;
  for (const run of runs) {
    for (const end = Math.min(length, digests.length + run); digests.length < end; ) {
      digests.push(has ? digestAt(pool, at) : undefined);
      if (has) at += DIGEST_CHARS;
    }
    has = !has;
  }
  if (digests.length !== length || at !== pool.length) throw new TypeError("bad digests");
  return digests;
}

function digestAt(pool: string, at: number): Digest {
  const digest = pool.slice(at, at + DIGEST_CHARS);
  if (!isStoredDigest(digest)) throw new TypeError("bad digest");
  return digest;
}

function sparseColumn<T>(
  value: unknown,
  isRow: (row: unknown) => boolean,
  isValue: (value: unknown) => value is T,
): ReadonlyMap<number, T> {
  if (!Array.isArray(value)) throw new TypeError("bad column");
  const map = new Map<number, T>();
  for (const pair of value) {
    if (!Array.isArray(pair) || pair.length !== 2) throw new TypeError("bad column");
    const [row, cell]: unknown[] = pair;
    if (typeof row !== "number" || !isRow(row) || !isValue(cell)) throw new TypeError("bad column");
    map.set(row, cell);
  }
  return map;
}

/** Lengths of alternating runs: how many rows have no digest, how many have one, and so on. */
function runsOf(digests: readonly (Digest | undefined)[]): number[] {
  const runs: number[] = [0];
  let has = false;
  for (const digest of digests) {
    if ((digest !== undefined) !== has) {
      runs.push(0);
      has = !has;
    }
    runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
  }
  return runs;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isColumn(value: unknown, length: number): value is unknown[] {
  return Array.isArray(value) && value.length === length;
}
function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
function isString(value: unknown): value is string {
  return typeof value === "string";
}
function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isNumber);
}
function isDevice(value: unknown): value is [number, number] {
  return isNumbers(value) && value.length === 2;
}
function isXattrs(value: unknown): value is Xattrs {
  return isRecord(value) && Object.values(value).every(isString);
}
// The checksum says that we wrote the file: paths in it are clean, digests are digests.
function isStoredDigest(text: string): text is Digest {
  return text.length === DIGEST_CHARS;
}
function isPath(value: unknown): value is BytePath {
  return typeof value === "string";
}
