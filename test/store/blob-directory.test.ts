import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { age, sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const bytes = Buffer.alloc(100_000, 3);
const digest = sha256(bytes);

test("a damaged blob is never served", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.blobs.write(bytes);
  writeFileSync(store.paths.imageBlob(digest), Buffer.alloc(100_000, 4));
  expect(() => store.blobs.readWhole(digest)).toThrow(expect.objectContaining({ code: "store/damaged" }));
});

test("a good copy in the other place serves for a damaged one", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.blobs.write(bytes);
  store.cacheBlobs.write(bytes);
  writeFileSync(store.paths.imageBlob(digest), Buffer.alloc(100_000, 4));
  expect(store.blobs.readWhole(digest)?.equals(bytes)).toBe(true);
});

test.each([
  {
    name: "other bytes of the same length",
    damage: (path: string) => writeFileSync(path, Buffer.alloc(100_000, 4)),
  },
  { name: "a torn file", damage: (path: string) => truncateSync(path, 10) },
])("writing a blob again heals $name", ({ damage }) => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.blobs.write(bytes);
  damage(store.paths.imageBlob(digest));
  store.blobs.write(bytes);
  expect(store.blobs.readWhole(digest)?.equals(bytes)).toBe(true);
});

test("a reader that met wrong bytes can have them removed; right bytes stay", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.cacheBlobs.write(bytes);
  expect(store.blobs.dropIfDamaged(digest)).toBe(false);
  writeFileSync(store.paths.cacheBlob(digest), Buffer.alloc(100_000, 4));
  expect(store.blobs.dropIfDamaged(digest)).toBe(true);
  expect(store.blobs.has(digest)).toBe(false);
});

test("bytes that are here are not written a second time", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.blobs.write(bytes);
  const { ino } = statSync(store.paths.imageBlob(digest));
  store.blobs.write(bytes);
  expect(statSync(store.paths.imageBlob(digest)).ino).toBe(ino);
});

test("an image blob that the cache has is linked, so that either place may lose it", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  using _lease = store.openLease("test");
  store.cacheBlobs.write(bytes);
  expect(store.blobs.promote(digest)).toBe(true);
  expect(store.blobs.promote(digest)).toBe(true);
  expect(statSync(store.paths.imageBlob(digest)).ino).toBe(statSync(store.paths.cacheBlob(digest)).ino);
  // A foreign collector empties blobs/.
  rmSync(store.paths.imageBlob(digest));
  expect(store.blobs.readWhole(digest)?.equals(bytes)).toBe(true);
  expect(store.blobs.promote(digest)).toBe(true);
  expect(store.blobs.promote(sha256("absent"))).toBe(false);
});

test("writing an image blob that the cache has shares its bytes", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.cacheBlobs.write(bytes);
  store.blobs.write(bytes);
  expect(statSync(store.paths.imageBlob(digest)).nlink).toBe(2);
});

test("reusing a blob makes it young; having written it just now needs no touch", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  store.blobs.write(bytes);
  age(dir.path);
  using _lease = store.openLease("test");
  const startedMs = statSync(store.paths.leases).mtimeMs;
  store.blobs.write(bytes);
  expect(statSync(store.paths.imageBlob(digest)).mtimeMs).toBeGreaterThanOrEqual(startedMs);
  expect(store.blobs.claim(digest)).toBe(true);
  expect(store.blobs.claim(sha256("absent"))).toBe(false);
});

test("unfinished and refused writes leave no file", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  using lease = store.openLease("test");
  {
    using dropped = store.blobs.openWriter();
    dropped.write(Buffer.alloc(300_000));
  }
  using refused = store.blobs.openWriter();
  refused.write(Buffer.alloc(300_000));
  expect(() => refused.commit(digest)).toThrow(expect.objectContaining({ code: "store/digest-mismatch" }));
  expect(readdirSync(lease.dir)).toEqual([]);
});

test("a blob of many pieces is synced early and still whole", () => {
  using dir = tempDir("blob");
  using store = openStore(dir.path);
  const hash = createHash("sha256");
  using writer = store.cacheBlobs.openWriter();
  const piece = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 70; i += 1) {
    piece.fill(i);
    hash.update(piece);
    writer.write(piece);
  }
  const written = writer.commit();
  expect(written).toEqual({ digest: `sha256:${hash.digest("hex")}`, size: 70 * 1024 * 1024 });
  expect(store.blobs.sizeOf(written.digest)).toBe(written.size);
  expect(() => store.blobs.readWhole(written.digest)).toThrow(
    expect.objectContaining({ code: "store/damaged" }),
  );
});
