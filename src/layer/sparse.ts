import { BuildError } from "../core/errors.ts";
import { BLOCK, numberAt } from "./tar-header.ts";

/**
 * Stored pieces of a sparse file: place in the file, bytes; again and again, in order. What lies between is zeros.
 * GNU tar manual, "Storing Sparse Files".
 */
export type SparseMap = readonly number[];

/** A million pieces are 16 MB here; a real disk image has some thousands. */
export const MAX_SPARSE_PIECES = 1_000_000;
const PAIR_BYTES = 24;

/** The pairs in a GNU header block or an extension block: up to `count` from `start`; a blank one ends them. */
export function readSparsePairs(block: Buffer, start: number, count: number): number[] {
  const map: number[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * PAIR_BYTES;
    if (block[at] === 0) break;
    map.push(numberAt(block, at, 12), numberAt(block, at + 12, 12));
  }
  return map;
}

/** The decimal map of PAX sparse 0.1: `place,bytes,place,bytes`. */
export function parseSparseText(text: string): number[] {
  return text === "" ? [] : text.split(",").map(parseDecimal);
}

/**
 * The map of PAX sparse 1.0, which stands before the content in blocks of its own: a count, then pairs, a line a number,
 * zeros up to the end of the block.
 */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  #cut = "";
  bytesRead = 0;

  /** The map, once the block that completes it has come. */
  push(block: Buffer): number[] | undefined {
    this.bytesRead += block.length;
    const lines = (this.#cut + block.toString("latin1")).split("\n");
    this.#cut = lines.pop() ?? "";
    if (this.#cut.length > BLOCK) throw badMap();
    for (const line of lines) this.#numbers.push(parseDecimal(line));
    const wanted = 1 + 2 * (this.#numbers[0] ?? Number.POSITIVE_INFINITY);
    if (this.#numbers.length > 2 * MAX_SPARSE_PIECES) throw badMap();
    return this.#numbers.length < wanted ? undefined : this.#numbers.slice(1, wanted);
  }
}

/** The map without empty pieces; `layer/bad-tar` where pieces overlap, leave the file or do not add up to what is stored. */
export function checkSparseMap(map: readonly number[], fileSize: number, storedSize: number): SparseMap {
  if (map.length % 2 !== 0 || map.length > 2 * MAX_SPARSE_PIECES) throw badMap();
  const pieces: number[] = [];
  let end = 0;
  let stored = 0;
  for (let i = 0; i < map.length; i += 2) {
    const at = map[i] ?? 0;
    const bytes = map[i + 1] ?? 0;
    if (at < end || bytes < 0) throw badMap();
    end = at + bytes;
    stored += bytes;
    if (bytes > 0) pieces.push(at, bytes);
  }
  if (end > fileSize || stored !== storedSize) throw badMap();
  return pieces;
}

function parseDecimal(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badMap();
  return Number(text);
}

function badMap(): BuildError {
  return new BuildError("layer/bad-tar", "the tar has a sparse file with a malformed map");
}

/** GNU's own header: four pairs in the first block, and whether extension blocks follow. */
export function readGnuSparse(block: Buffer): { map: number[]; more: boolean; fileSize: number } {
  return { map: readSparsePairs(block, 386, 4), more: block[482] === 1, fileSize: numberAt(block, 483, 12) };
}

/** An extension block: 21 pairs, and whether another follows. */
export function readGnuSparseExtension(block: Buffer): { map: number[]; more: boolean } {
  return { map: readSparsePairs(block, 0, Math.floor((BLOCK - 8) / PAIR_BYTES)), more: block[504] === 1 };
}
