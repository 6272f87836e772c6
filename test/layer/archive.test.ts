import { execFileSync } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ArchiveWriter, readArchive } from "../../src/layer/archive.ts";
import { buildTar, dir, file, hardlink, inPieces, symlink } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

async function contentOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function write(path: string): Promise<void> {
  const archive = new ArchiveWriter(createWriteStream(path), 0);
  await archive.addDirectory("blobs");
  await archive.addBytes("manifest.json", Buffer.from("[]"));
  await archive.addFile("blobs/big", 3_000_000, inPieces(Buffer.alloc(3_000_000, "x"), 100_000));
  await archive.addBytes("empty", Buffer.alloc(0));
  await archive.addSymlink("same", "blobs/big");
  await archive.finish();
}

describe("writing outer archives", () => {
  test("GNU tar reads them, and twice the same calls give the same bytes", async () => {
    using temp = tempDir("archive");
    await write(join(temp.path, "a.tar"));
    await write(join(temp.path, "b.tar"));
    expect(readFileSync(join(temp.path, "a.tar")).equals(readFileSync(join(temp.path, "b.tar")))).toBe(true);
    const listed = execFileSync("tar", ["-tf", join(temp.path, "a.tar")], { encoding: "utf8" });
    expect(listed).toBe("blobs/\nmanifest.json\nblobs/big\nempty\nsame\n");
  });

  test("an output that breaks ends the writing with its error", async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error("no space")) });
    const archive = new ArchiveWriter(full, 0);
    const writing = async () => {
      await archive.addFile("big", 9_000_000, inPieces(Buffer.alloc(9_000_000), 100_000));
      await archive.finish();
    };
    await expect(writing()).rejects.toThrow("no space");
  });

  test("a content of another size ends the archive in an error, not in a wrong tar", async () => {
    const output = new PassThrough().resume();
    const archive = new ArchiveWriter(output, 0);
    const writing = async () => {
      await archive.addFile("short", 100, inPieces(Buffer.alloc(99)));
      await archive.finish();
    };
    await expect(writing()).rejects.toThrow("Size mismatch");
    expect(output.destroyed).toBe(true);
  });
});

describe("reading outer archives", () => {
  const tar = buildTar(
    dir("./blobs/"),
    file("./manifest.json", "[]"),
    file("skipped", "y".repeat(70_000)),
    hardlink("hard", "manifest.json"),
    symlink("soft", "../manifest.json"),
    { name: "pipe", flag: "6" },
    file("last", "end"),
  );

  test.each([
    { name: "plain", bytes: tar },
    { name: "gzip", bytes: gzipSync(tar) },
  ])("$name: entries in order, content on demand", async ({ bytes }) => {
    const seen: unknown[] = [];
    for await (const entry of readArchive(inPieces(bytes))) {
      const content = entry.size > 0 && entry.size < 100 ? await contentOf(entry.content()) : undefined;
      seen.push([entry.name, entry.type, entry.target, content]);
    }
    expect(seen).toEqual([
      ["blobs", "dir", "", undefined],
      ["manifest.json", "file", "", "[]"],
      ["skipped", "file", "", undefined],
      ["hard", "link", "manifest.json", undefined],
      ["soft", "link", "../manifest.json", undefined],
      ["pipe", "other", "", undefined],
      ["last", "file", "", "end"],
    ]);
  });

  test("a reader may stop at any entry", async () => {
    for await (const entry of readArchive(inPieces(tar))) {
      expect(entry.name).toBe("blobs");
      break;
    }
  });

  test.each([
    { name: "cut off", bytes: tar.subarray(0, 20_000), code: "image/bad-archive" },
    { name: "no tar", bytes: Buffer.alloc(4096, "no tar"), code: "image/bad-archive" },
    { name: "cut off gzip", bytes: gzipSync(tar).subarray(0, 100), code: "layer/compression" },
  ])("$name: $code", async ({ bytes, code }) => {
    const reading = async () => {
      for await (const entry of readArchive(inPieces(bytes))) await contentOf(entry.content());
    };
    await expect(reading()).rejects.toMatchObject({ code });
  });
});
