import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { BuildError } from "../../src/core/errors.ts";
import type { TocEntry } from "../../src/core/file-tree.ts";
import { sniffCompression } from "../../src/layer/compression.ts";
import { indexArchive } from "../../src/layer/index-archive.ts";
import { ingestLayer, unpackArchive } from "../../src/layer/ingest.ts";
import type { LayerLimits } from "../../src/layer/limits.ts";
import { tocEntries } from "../../src/layer/toc.ts";
import { loadImages } from "../../src/operations/load-images.ts";
import { openWorkshop } from "../../src/operations/open-workshop.ts";
import { overlay } from "../helpers/ingest-members.ts";
import { inPieces } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { corpusFiles } from "./corpus.ts";
import type { Random } from "./random.ts";
import { tarPieces, tarSeeds } from "./tar-seeds.ts";
import type { FuzzTarget } from "./target.ts";

/** Small enough that a lie about sizes meets them. */
const LIMITS: LayerLimits = {
  maxEntries: 5000,
  maxBytes: 1 << 22,
  maxNameBytes: 1 << 20,
  maxRatio: 2000,
  ratioFromBytes: 1 << 20,
};
const BLOCK = 512;

/**
 * A tar as a layer (in two chunkings, which must agree; on disk, which must agree with the table and stay in its folder), as
 * an archive, by its headers alone, and as what `load` is given.
 */
export function openTarget(): FuzzTarget {
  const temp = tempDir("fuzz");
  const shop = openWorkshop({ home: join(temp.path, "store"), env: {}, warn: () => undefined });
  const ground = join(temp.path, "ground");
  return {
    seeds: [...tarSeeds(), ...corpusFiles((name) => /\.(tar|tgz|tar\.(gz|zst))$/.test(name))],
    pieces: tarPieces(),
    maxBytes: 64 * 1024,
    repair,
    run: async (input, isThorough) => {
      const outcome = await asLayer(input, ground);
      if (!isThorough) return outcome;
      await tolerate(async () => {
        mkdirSync(ground);
        const dir = join(ground, "archive");
        await unpackArchive(inPieces(input), dir, { limits: LIMITS });
      });
      checkGround(ground, ["archive"]);
      const path = join(temp.path, "x.tar");
      writeFileSync(path, input);
      await tolerate(() => indexArchive(path));
      const signal = new AbortController().signal;
      await tolerate(() => loadImages({ source: inPieces(input), signal }, shop));
      await tolerate(() => loadImages({ source: path, signal }, shop));
      return outcome;
    },
    [Symbol.dispose]: () => {
      shop[Symbol.dispose]();
      temp[Symbol.dispose]();
    },
  };
}

/** The outcome of reading it; whatever the chunks and whether or not a tree is written. */
async function asLayer(input: Buffer, ground: string): Promise<string> {
  const plain = await outcomeOf(async () => await ingestLayer(inPieces(input, 50_000), { limits: LIMITS }));
  const chunked = await outcomeOf(
    async () => await ingestLayer(inPieces(input, 1 + (input.length % 700)), { limits: LIMITS }),
  );
  if (!isSame(plain, chunked, input)) throw new Error(`chunks matter: ${plain.text} and ${chunked.text}`);
  mkdirSync(ground);
  const dir = join(ground, "tree");
  const onDisk = await outcomeOf(
    async () => await ingestLayer(inPieces(input, 9000), { limits: LIMITS, tree: { dir, overlay } }),
  );
  // What the disk alone refuses (a name that is too long for it) may be refused here and not there.
  if (!isSame(plain, onDisk, input) && !onDisk.text.startsWith("layer/"))
    throw new Error(`the tree matters: ${plain.text} and ${onDisk.text}`);
  for (const entry of onDisk.entries) checkOnDisk(dir, entry);
  checkGround(ground, ["tree"]);
  return plain.kind;
}

/** Of damaged compressed data more or less comes out before the damage shows: only that it fails must agree. */
function isSame(one: Outcome, other: Outcome, input: Buffer): boolean {
  if (one.text === other.text) return true;
  return one.failed && other.failed && sniffCompression(input) !== "none";
}

interface Outcome {
  readonly failed: boolean;
  readonly text: string;
  /** Coarser than `text`: what makes an input a new one. */
  readonly kind: string;
  readonly entries: readonly TocEntry[];
}

async function outcomeOf(read: () => ReturnType<typeof ingestLayer>): Promise<Outcome> {
  try {
    const { diffId, size, toc, compression } = await read();
    const entries = [...tocEntries(toc)];
    const kinds = [...new Set(entries.map((entry) => entry.kind))].toSorted().join();
    return {
      failed: false,
      text: `${diffId} ${size}`,
      kind: `${compression} ${kinds} ${Math.min(entries.length, 9)}`,
      entries,
    };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    if (/\n/.test(error.message))
      throw new Error(`a message of two lines: ${error.message}`, { cause: error });
    const text = `${error.code} ${error.message}`;
    return { failed: true, text, kind: text.replaceAll(/"[^]*"|\d+/g, "…").slice(0, 70), entries: [] };
  }
}

async function tolerate(read: () => unknown): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
  }
}

const MODE_OF: Readonly<Record<string, number>> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  fifo: 0o010000,
};
const TYPE_BITS = 0o170000;

/** A row of the table is on the disk, under its own path, with no symlink on the way. */
function checkOnDisk(dir: string, entry: TocEntry): void {
  const wanted = MODE_OF[entry.kind];
  if (wanted === undefined) return;
  const parts = entry.path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const path = Buffer.concat([
      Buffer.from(`${dir}/`),
      Buffer.from(parts.slice(0, depth).join("/"), "latin1"),
    ]);
    const type = lstatSync(path).mode & TYPE_BITS;
    const isLast = depth === parts.length;
    if (type !== (isLast ? wanted : MODE_OF["dir"]))
      throw new Error(`${JSON.stringify(entry.path)} is on disk as ${type.toString(8)} at level ${depth}`);
  }
}

/** Nothing beside the folder that was to be filled; then all of it goes. */
function checkGround(ground: string, expected: readonly string[]): void {
  const strangers = readdirSync(ground).filter((name) => !expected.includes(name));
  rmSync(ground, { recursive: true, force: true });
  if (strangers.length > 0) throw new Error(`written outside: ${strangers.join()}`);
}

/** Check sums made right, and now and then compressed: else nearly every mutation would end at the first header. */
function repair(input: Buffer, random: Random): Buffer {
  if (random.oneIn(12)) return input;
  const copy = Buffer.from(input);
  for (let at = 0; at + BLOCK <= copy.length; at += BLOCK) {
    const block = copy.subarray(at, at + BLOCK);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.write("        ", 148, 8, "latin1");
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  }
  if (random.oneIn(20)) return gzipSync(copy, { level: 1 });
  return random.oneIn(20) ? zstdCompressSync(copy) : copy;
}
