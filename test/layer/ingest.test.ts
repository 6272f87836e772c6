import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodePath } from "../../src/core/byte-path.ts";
import { toDiffId } from "../../src/core/digest.ts";
import { ingestLayer, unpackLayer } from "../../src/layer/ingest.ts";
import { DEFAULT_LIMITS, type LayerLimits } from "../../src/layer/limits.ts";
import { tocEntries } from "../../src/layer/toc.ts";
import { ingestMembers, namesOf, overlay, sha256 } from "../helpers/ingest-members.ts";
import { listDisk } from "../helpers/list-disk.ts";
import { memoryWriter } from "../helpers/memory-writer.ts";
import { buildTar, dir, encodeMember, file, inPieces, type Member, symlink } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

describe("one pass over a layer", () => {
  const tar = buildTar(
    dir("./"),
    dir("etc/"),
    file("etc/passwd", "root", { mode: 0o600 }),
    symlink("sh", "bin/dash"),
  );

  test.each([
    { name: "plain", bytes: tar, compression: "none" },
    { name: "gzip", bytes: gzipSync(tar), compression: "gzip" },
    { name: "zstd", bytes: zstdCompressSync(tar), compression: "zstd" },
  ])("$name: keeps the bytes as they came, and knows what is in them", async ({ bytes, compression }) => {
    using temp = tempDir("ingest");
    const blob = memoryWriter();
    const expectedDigest = sha256(bytes);
    const expectedDiffId = toDiffId(sha256(tar));
    const tree = { dir: join(temp.path, "tree"), overlay } as const;
    const layer = await ingestLayer(inPieces(bytes, 50), { blob, expectedDigest, expectedDiffId, tree });
    expect(blob.bytes().equals(bytes)).toBe(true);
    expect(layer).toMatchObject({
      digest: expectedDigest,
      storedSize: bytes.length,
      diffId: expectedDiffId,
      size: tar.length,
      compression,
    });
    expect(namesOf(layer.toc)).toEqual(["dir ", "dir etc", "file etc/passwd", "symlink sh"]);
    expect(listDisk(tree.dir)).toEqual(["d755 etc", "f600 etc/passwd root", "l sh -> bin/dash"]);
    const [passwd] = [...tocEntries(layer.toc)].filter((entry) => entry.kind === "file");
    expect(passwd?.digest).toBe(sha256(Buffer.from("root")));
    expect(tar.toString("latin1", passwd?.offset, (passwd?.offset ?? 0) + 4)).toBe("root");
  });

  test.each([
    { name: "other bytes than were promised", options: { expectedDigest: sha256(Buffer.from("x")) } },
    {
      name: "another content than was promised",
      options: { expectedDiffId: toDiffId(sha256(Buffer.from("x"))) },
    },
  ])("$name: nothing is committed and no tree is left", async ({ options }) => {
    using temp = tempDir("ingest");
    const blob = memoryWriter();
    const tree = { dir: join(temp.path, "tree"), overlay } as const;
    await expect(ingestLayer(inPieces(tar), { blob, tree, ...options })).rejects.toMatchObject({
      code: "store/digest-mismatch",
    });
    expect(blob.committed).toBe(false);
    expect(existsSync(tree.dir)).toBe(false);
  });

  test("bytes damaged on the way are called that, not a bad tar", async () => {
    const bytes = gzipSync(tar);
    const damaged = Buffer.concat([bytes.subarray(0, 30), Buffer.from("damage"), bytes.subarray(36)]);
    const promised = { expectedDigest: sha256(bytes) };
    await expect(ingestLayer(inPieces(damaged), { ...promised, blob: memoryWriter() })).rejects.toMatchObject(
      { code: "store/digest-mismatch" },
    );
    await expect(ingestLayer(inPieces(damaged), promised)).rejects.toMatchObject({
      code: "store/digest-mismatch",
    });
    await expect(ingestLayer(inPieces(damaged), {})).rejects.toMatchObject({ code: "layer/compression" });
  });

  test("what follows the end of the tar, or of the gzip data, belongs to the blob", async () => {
    const trailing = Buffer.concat([
      gzipSync(Buffer.concat([tar, Buffer.from("more")])),
      Buffer.alloc(200_000),
    ]);
    const blob = memoryWriter();
    const layer = await ingestLayer(inPieces(trailing), { blob });
    expect(layer.digest).toBe(sha256(trailing));
    expect(layer.size).toBe(tar.length + 4);
  });

  test("an empty tar is a layer without entries", async () => {
    expect((await ingestMembers([])).toc.length).toBe(0);
  });

  test("a stored layer unpacks to the same tree, and a damaged one to none", async () => {
    using temp = tempDir("ingest");
    const path = join(temp.path, "blob");
    writeFileSync(path, gzipSync(tar));
    await unpackLayer(path, toDiffId(sha256(tar)), { dir: join(temp.path, "tree"), overlay });
    expect(listDisk(join(temp.path, "tree"))).toEqual([
      "d755 etc",
      "f600 etc/passwd root",
      "l sh -> bin/dash",
    ]);
    const other = join(temp.path, "other");
    const unpacking = unpackLayer(path, toDiffId(sha256(Buffer.from("x"))), { dir: other, overlay });
    await expect(unpacking).rejects.toMatchObject({ code: "store/digest-mismatch" });
    expect(existsSync(other)).toBe(false);
  });
});

const many = (count: number, more: Partial<Member>) =>
  buildTar(...Array.from({ length: count }, (_, i) => file(`${i}`, "x".repeat(100), more)));

describe("what a layer may cost", () => {
  const holes = { "GNU.sparse.map": "0,1", "GNU.sparse.size": "900719925474099" };
  const bomb = { ratioFromBytes: 1_000_000, maxRatio: 200 };
  test.each<{ name: string; bytes: Buffer; limits: Partial<LayerLimits> }>([
    { name: "too many entries", bytes: many(11, {}), limits: { maxEntries: 10 } },
    {
      name: "a file that claims more than the limit, before a byte of it is read",
      bytes: encodeMember(file("f", "", { size: 2 ** 33 - 1 })),
      limits: { maxBytes: 2 ** 32 },
    },
    {
      name: "a sparse file that is nearly all hole",
      bytes: buildTar(file("f", "x", { pax: holes })),
      limits: {},
    },
    { name: "many small files that add up", bytes: many(20, {}), limits: { maxBytes: 1999 } },
    { name: "a tar that goes on and on", bytes: Buffer.alloc(100_000), limits: { maxBytes: 50_000 } },
    {
      name: "names that fill the memory",
      bytes: many(20, { pax: { "SCHILY.xattr.user.x": "v".repeat(1000) } }),
      limits: { maxNameBytes: 10_000 },
    },
    { name: "a gzip bomb", bytes: gzipSync(Buffer.alloc(30_000_000)), limits: bomb },
    { name: "a zstd bomb", bytes: zstdCompressSync(Buffer.alloc(30_000_000)), limits: bomb },
  ])("$name: layer/too-large", async ({ bytes, limits }) => {
    const taking = ingestLayer(inPieces(bytes), { limits: { ...DEFAULT_LIMITS, ...limits } });
    await expect(taking).rejects.toMatchObject({ code: "layer/too-large" });
  });
});

test("a table does not depend on how the bytes came", async () => {
  const tar = buildTar(dir("a/"), file("a/f", "x".repeat(5000)), file("a/g", ""), symlink("a/l", "f"));
  const tables = await Promise.all(
    [1, 511, 513, 100_000].map((size) => ingestLayer(inPieces(tar, size), {})),
  );
  for (const { toc } of tables) expect(toc).toEqual(tables[0]?.toc);
  expect(tables[0]?.toc.paths[1]).toBe(encodePath("a/f"));
});
