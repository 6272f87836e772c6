import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { BlobStore } from "../../src/core/ports.ts";
import { openStore } from "../../src/store/store.ts";
import { MemoryBlobStore } from "../helpers/memory-store.ts";
import { sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface Opened extends Disposable {
  readonly blobs: BlobStore;
}

function onDisk(place: "blobs" | "cacheBlobs"): Opened {
  const dir = tempDir("blobs");
  const store = openStore(dir.path);
  return {
    blobs: store[place],
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
}

function inMemory(): Opened {
  const blobs = new MemoryBlobStore();
  return { blobs, [Symbol.dispose]: () => blobs[Symbol.dispose]() };
}

describe.each([
  { name: "image blobs on disk", open: () => onDisk("blobs") },
  { name: "cache blobs on disk", open: () => onDisk("cacheBlobs") },
  { name: "memory", open: inMemory },
])("a blob store ($name)", ({ open }) => {
  const KIB = 1024;
  test.each([
    { name: "nothing", sizes: [] },
    { name: "a few bytes", sizes: [3] },
    { name: "many small pieces", sizes: Array.from({ length: 3000 }, (_, i) => 1 + (i % 97)) },
    {
      name: "small pieces around large ones",
      sizes: [5, 2048 * KIB, 7, 700 * KIB, 9, 64 * KIB, 64 * KIB - 1, 1],
    },
    { name: "exactly the size of a buffer", sizes: [64 * KIB] },
  ])("gives back the bytes it was given, by their digest: $name", ({ sizes }) => {
    using opened = open();
    const { blobs } = opened;
    const pieces = sizes.map((size, i) => Buffer.alloc(size, i + 1));
    const whole = Buffer.concat(pieces);
    // One buffer for all pieces, as a packer has it: what was written may be overwritten at once.
    const reused = Buffer.alloc(Math.max(1, ...sizes));
    using writer = blobs.openWriter();
    for (const piece of pieces) {
      piece.copy(reused);
      writer.write(reused.subarray(0, piece.length));
    }
    expect(writer.bytesWritten).toBe(whole.length);
    const written = writer.commit(sha256(whole));
    expect(written).toEqual({ digest: sha256(whole), size: whole.length });
    expect(blobs.sizeOf(written.digest)).toBe(whole.length);
    expect(blobs.readWhole(written.digest)?.equals(whole)).toBe(true);
    expect(readFileSync(blobs.pathOf(written.digest)).equals(whole)).toBe(true);
  });

  test("shows nothing before commit, and nothing of a writer that was dropped", () => {
    using opened = open();
    const { blobs } = opened;
    const digest = sha256("abc");
    {
      using writer = blobs.openWriter();
      writer.write(Buffer.from("abc"));
      expect(blobs.has(digest)).toBe(false);
    }
    expect(blobs.has(digest)).toBe(false);
    expect(blobs.readWhole(digest)).toBeUndefined();
    expect(blobs.sizeOf(digest)).toBeUndefined();
  });

  test("refuses bytes that do not have the expected digest, and keeps neither", () => {
    using opened = open();
    using writer = opened.blobs.openWriter();
    writer.write(Buffer.from("evil"));
    expect(() => writer.commit(sha256("good"))).toThrow(
      expect.objectContaining({ code: "store/digest-mismatch" }),
    );
    expect(opened.blobs.has(sha256("good"))).toBe(false);
    expect(opened.blobs.has(sha256("evil"))).toBe(false);
  });

  test("takes the same bytes twice, also from two writers at once", () => {
    using opened = open();
    using first = opened.blobs.openWriter();
    using second = opened.blobs.openWriter();
    const bytes = Buffer.alloc(200_000, 7);
    first.write(bytes);
    second.write(bytes);
    expect(first.commit()).toEqual(second.commit());
    expect(opened.blobs.readWhole(sha256(bytes))?.equals(bytes)).toBe(true);
  });

  test("a writer ends with its commit", () => {
    using opened = open();
    using writer = opened.blobs.openWriter();
    writer.commit();
    expect(() => writer.write(Buffer.from("x"))).toThrow("write after the end");
    expect(() => writer.commit()).toThrow("committed once");
  });
});
