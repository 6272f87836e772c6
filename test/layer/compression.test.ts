import { spawnSync } from "node:child_process";
import { chmodSync, createReadStream, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compress, decompress, sniffCompression } from "../../src/layer/compression.ts";
import { inPieces } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

async function gather(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Text that no compressor makes small. */
const text = Buffer.from(
  Array.from({ length: 30_000 }, (_, i) => `${(i * 2_654_435_761) % 1_000_003}\n`).join(""),
);
const program = (name: string) => spawnSync(name, ["-c"], { input: text }).stdout;
const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("notes")]);
const noChecksum = (bytes: Buffer) => zstdCompressSync(bytes, { params: { 201: 0 } });

describe("what was compressed is recognised by its first bytes and comes out whole", () => {
  test.each([
    { name: "nothing at all", compression: "none", bytes: text },
    { name: "an empty stream", compression: "none", bytes: Buffer.alloc(0), inner: Buffer.alloc(0) },
    { name: "gzip", compression: "gzip", bytes: gzipSync(text) },
    {
      name: "two gzip members",
      compression: "gzip",
      bytes: Buffer.concat([gzipSync(text), gzipSync(text)]),
      times: 2,
    },
    {
      name: "gzip padded with zeros",
      compression: "gzip",
      bytes: Buffer.concat([gzipSync(text), Buffer.alloc(70_000)]),
    },
    { name: "zstd", compression: "zstd", bytes: zstdCompressSync(text) },
    { name: "zstd without a checksum", compression: "zstd", bytes: noChecksum(text) },
    {
      name: "two zstd frames",
      compression: "zstd",
      bytes: Buffer.concat([zstdCompressSync(text), zstdCompressSync(text)]),
      times: 2,
    },
    {
      name: "many small zstd frames with skippable ones between",
      compression: "zstd",
      bytes: Buffer.concat(
        Array.from({ length: 40 }, () => [skippable, zstdCompressSync(text), skippable]).flat(),
      ),
      times: 40,
    },
    {
      name: "zstd of zeros (blocks of one byte)",
      compression: "zstd",
      bytes: zstdCompressSync(Buffer.alloc(9_000_000)),
      inner: Buffer.alloc(9_000_000),
    },
    {
      name: "an empty zstd frame",
      compression: "zstd",
      bytes: zstdCompressSync(Buffer.alloc(0)),
      inner: Buffer.alloc(0),
    },
    { name: "bzip2", compression: "bzip2", bytes: program("bzip2") },
    { name: "xz", compression: "xz", bytes: program("xz") },
  ])("$name", async ({ compression, bytes, times = 1, inner }) => {
    expect(sniffCompression(bytes)).toBe(compression);
    const expected = inner ?? Buffer.concat(Array.from({ length: times }, () => text));
    for (const size of [bytes.length + 1, 997, 65_536]) {
      expect((await gather(decompress(inPieces(bytes, size)))).equals(expected)).toBe(true);
    }
  });
});

test.each([
  { name: "gzip", bytes: gzipSync("tiny") },
  {
    name: "zstd",
    bytes: Buffer.concat([
      skippable,
      zstdCompressSync(Buffer.from("ti")),
      skippable,
      noChecksum(Buffer.from("ny")),
    ]),
  },
])("$name comes out whole where it comes in byte by byte", async ({ bytes }) => {
  expect((await gather(decompress(inPieces(bytes, 1)))).toString()).toBe("tiny");
});

const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length - 5);
const flipped = (bytes: Buffer) => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 0xff;
  return copy;
};

/** A connection that breaks after the first bytes. */
async function* breakingOff(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw new Error("connection lost");
}

describe("damage is layer/compression, never silence", () => {
  test.each([
    { name: "gzip cut off", bytes: cut(gzipSync(text)) },
    { name: "gzip with a wrong byte", bytes: flipped(gzipSync(text)) },
    { name: "gzip with rubbish behind it", bytes: Buffer.concat([gzipSync(text), Buffer.from("rubbish")]) },
    { name: "a gzip header and nothing else", bytes: Buffer.from([0x1f, 0x8b]) },
    { name: "zstd cut off", bytes: cut(zstdCompressSync(text)) },
    { name: "zstd with a wrong byte", bytes: flipped(zstdCompressSync(text)) },
    {
      name: "zstd with rubbish behind it",
      bytes: Buffer.concat([zstdCompressSync(text), Buffer.from("rubbish")]),
    },
    {
      name: "zstd whose second frame is cut off",
      bytes: Buffer.concat([zstdCompressSync(text), cut(zstdCompressSync(text))]),
    },
    { name: "bzip2 cut off", bytes: cut(program("bzip2")) },
    { name: "xz with a wrong byte", bytes: flipped(program("xz")) },
  ])("$name", async ({ bytes }) => {
    for (const size of [bytes.length + 1, 1000]) {
      await expect(gather(decompress(inPieces(bytes, size)))).rejects.toMatchObject({
        code: "layer/compression",
      });
    }
  });

  test("an error of the source is passed on as it is", async () => {
    for (const bytes of [gzipSync(text).subarray(0, 5000), program("xz").subarray(0, 50)]) {
      await expect(gather(decompress(breakingOff(bytes)))).rejects.toThrow("connection lost");
    }
  });

  test.each([
    { name: "plain", bytes: text },
    { name: "gzip", bytes: gzipSync(text) },
    { name: "zstd", bytes: zstdCompressSync(text) },
    { name: "xz", bytes: program("xz") },
  ])("a reader of $name that stops early closes the source", async ({ bytes }) => {
    using temp = tempDir("early");
    writeFileSync(join(temp.path, "f"), bytes);
    const source = createReadStream(join(temp.path, "f"), { highWaterMark: 1000 });
    for await (const chunk of decompress(source)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => source.destroyed).toBe(true);
  });
});

test("PATH does not choose the program that decompresses", async () => {
  using temp = tempDir("path");
  const marker = join(temp.path, "ran");
  writeFileSync(join(temp.path, "xz"), `#!/bin/sh\ntouch ${marker}\n`);
  chmodSync(join(temp.path, "xz"), 0o755);
  const before = process.env["PATH"];
  const bytes = program("xz");
  process.env["PATH"] = temp.path;
  try {
    expect((await gather(decompress(inPieces(bytes)))).equals(text)).toBe(true);
  } finally {
    process.env["PATH"] = before;
  }
  expect(existsSync(marker)).toBe(false);
});

describe("compressing", () => {
  test.each([
    { compression: "gzip", open: gunzipSync },
    { compression: "zstd", open: zstdDecompressSync },
  ] as const)(
    "$compression gives the same bytes twice, whatever the pieces, and they open",
    async ({ compression, open }) => {
      const once = await gather(compress(inPieces(text), compression));
      const again = await gather(compress(inPieces(text), compression));
      expect(again.equals(once)).toBe(true);
      expect(open(once).equals(text)).toBe(true);
    },
  );

  test("gzip names no time and no platform", async () => {
    const bytes = await gather(compress(inPieces(text), "gzip", 1));
    expect([...bytes.subarray(4, 8), bytes[9]]).toEqual([0, 0, 0, 0, 255]);
    expect(bytes.length).toBeGreaterThan(deflateRawSync(text, { level: 9 }).length);
  });
});
