import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isBuildError } from "../../src/core/errors.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { addImage, addLayer, age, recordOf, sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A file system of 8 MB. */
function smallDisk(): Disposable & { readonly path: string } {
  const dir = tempDir("full");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tsbuild-test", dir.path]);
  return {
    path: dir.path,
    [Symbol.dispose]: () => {
      execFileSync("umount", ["-l", dir.path]);
      dir[Symbol.dispose]();
    },
  };
}

/** Fills the disk to the last block. */
function fill(dir: string): void {
  const path = join(dir, "filler");
  for (let size = 1024 * 1024; size >= 512; size /= 2) {
    const error = errorOf(() => {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    });
    expect(error).toMatchObject({ code: "ENOSPC" });
  }
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.runIf(process.getuid?.() === 0)("on a full disk", () => {
  test.each([
    {
      name: "a large blob",
      write: (store: Store) => {
        using writer = store.cacheBlobs.openWriter();
        for (let i = 0; i < 16; i += 1) writer.write(Buffer.alloc(1024 * 1024));
        writer.commit();
      },
    },
    { name: "a small blob", write: (store: Store) => store.blobs.write(Buffer.alloc(50_000)) },
    { name: "a record", write: (store: Store) => store.records.put(recordOf("x".repeat(9000)), false) },
    { name: "a layer", write: (store: Store) => addLayer(store, "y".repeat(9000)) },
    {
      name: "a log",
      write: (store: Store) => {
        using log = store.builds.create().openLog("2");
        log.write(Buffer.alloc(50_000));
      },
    },
  ])(
    "writing $name fails with one clear error, frees the reserve, and leaves nothing half done",
    async ({ write }) => {
      using disk = smallDisk();
      const home = join(disk.path, "home");
      using store = openStore(home);
      const { image } = addImage(store, "kept", ["docker.io/library/kept:1"]);
      addLayer(store, "old");
      expect(existsSync(store.paths.reserve)).toBe(true);
      age(home);
      fill(disk.path);

      const error = errorOf(() => write(store));
      expect(isBuildError(error) ? error.code : error).toBe("store/disk-full");
      expect(error).toMatchObject({
        message: expect.stringContaining("no space left"),
        details: { hint: expect.stringContaining("prune") },
      });
      expect(existsSync(store.paths.reserve)).toBe(false);
      expect(readdirSync(store.paths.temp)).toEqual([]);

      // The freed reserve is room enough to prune, and to read what is there.
      const report = store.prune({ records: "all" });
      expect(report.records).toBeGreaterThan(0);
      expect(report.bytes).toBeGreaterThan(0);
      expect(await store.verify()).toEqual([]);
      expect(store.images.resolve("kept:1")?.id).toBe(image.id);

      // With space again everything works, and the reserve comes back.
      rmSync(join(disk.path, "filler"));
      addLayer(store, "new");
      expect(existsSync(store.paths.reserve)).toBe(true);
      expect(await store.verify()).toEqual([]);
    },
  );

  test("a disk without room for a reserve gets none, and small things still fit", () => {
    using disk = smallDisk();
    writeFileSync(join(disk.path, "filler"), Buffer.alloc(6 * 1024 * 1024));
    using store = openStore(join(disk.path, "home"));
    store.blobs.write(Buffer.from("small"));
    expect(existsSync(store.paths.reserve)).toBe(false);
    expect(store.blobs.has(sha256("small"))).toBe(true);
  });

  test("no inode left is a full disk too", () => {
    using dir = tempDir("inodes");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,nr_inodes=40", "tsbuild-test", dir.path]);
    try {
      using store = openStore(join(dir.path, "home"));
      store.blobs.write(Buffer.from("small"));
      mkdirSync(join(dir.path, "many"));
      const filling = errorOf(() => {
        for (let i = 0; ; i += 1) writeFileSync(join(dir.path, "many", String(i)), "");
      });
      expect(filling).toMatchObject({ code: "ENOSPC" });
      expect(statfsSync(dir.path).ffree).toBe(0);
      const error = errorOf(() => store.records.put(recordOf("a"), false));
      expect(isBuildError(error) ? error.code : error).toBe("store/disk-full");
    } finally {
      execFileSync("umount", ["-l", dir.path]);
    }
  });
});
