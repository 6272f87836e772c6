import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const MB = 1024 * 1024;

/** A store on a file system of 24 MB that has nothing but it. */
function smallDisk(): Disposable & { readonly home: string; readonly path: string } {
  const dir = tempDir("full-disk");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tsbuild-test", dir.path]);
  return {
    path: dir.path,
    home: join(dir.path, "home"),
    [Symbol.dispose]: () => {
      execFileSync("umount", ["-l", dir.path]);
      dir[Symbol.dispose]();
    },
  };
}

const CASES = [
  { name: "a COPY", instruction: "COPY big /big" },
  { name: "a RUN", instruction: "RUN dd if=/dev/zero of=/big bs=1M count=30" },
  { name: "a RUN that hides it", instruction: "RUN cat /dev/zero > /big 2>/dev/null || exit 7" },
  { name: "a RUN whose layer does not fit", instruction: "RUN dd if=/dev/zero of=/big bs=1M count=12" },
];

test.each(CASES)(
  "$name that does not fit ends with one clear error, and the store works once there is space",
  async ({ instruction }) => {
    using disk = smallDisk();
    using context = tempDir("full-context");
    const { home } = disk;
    writeFileSync(join(context.path, "big"), randomBytes(24 * MB));
    writeFileSync(join(context.path, ".dockerignore"), instruction.startsWith("COPY") ? "" : "big");
    const dockerfile = `FROM busybox\nRUN echo first > /first\n${instruction}\n`;
    writeFileSync(join(context.path, "Dockerfile"), dockerfile);
    importBusybox(home);

    const args = ["build", "--progress=plain", "-t", "big", context.path];
    const failed = runTsbuild(args, { home, env: EPOCH });
    expect(failed.status).toBe(1);
    expect(failed.stderr.match(/^error\[.*\]/gm)).toEqual(["error[store/disk-full]"]);
    expect(failed.stderr).toContain("no space left on the disk of the store");
    expect(failed.stderr).toContain("tsbuild cache prune");
    expect(failed.stderr).toContain(`3 | ${instruction}`);
    expect(leftovers(home)).toEqual([]);
    {
      using store = openStore(home);
      expect(await store.verify()).toEqual([]);
    }

    // The same store, with a smaller wish: what was finished is met again.
    writeFileSync(
      join(context.path, "Dockerfile"),
      "FROM busybox\nRUN echo first > /first\nRUN echo small > /small\n",
    );
    const small = tsbuild(args, { home, env: EPOCH });
    expect(small.stderr).toMatch(/HIT +2\/3 RUN echo first/);
    expect(small.stderr).toMatch(/MISS +3\/3 RUN echo small/);
    expect(tsbuild(args, { home, env: EPOCH }).stderr).toContain("3 hits, 0 misses");
  },
);

test("a disk that is full from the start refuses a build, and a prune makes room", async () => {
  using disk = smallDisk();
  using context = tempDir("full-context");
  const { home } = disk;
  importBusybox(home);
  mkdirSync(join(context.path, "src"));
  writeFileSync(join(context.path, "src/noise"), randomBytes(5 * MB));
  writeFileSync(join(context.path, "Dockerfile"), "FROM busybox\nCOPY src /src\n");
  const args = ["build", "--progress=plain", context.path];
  tsbuild(args, { home, env: EPOCH });
  const filler = join(disk.path, "filler");
  expect(() => writeFileSync(filler, Buffer.alloc(24 * MB))).toThrow("ENOSPC");
  for (const bytes of [4096, 1]) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: "a" });
    } catch {
      continue; // full to the last block
    }
  }

  writeFileSync(join(context.path, "src/more"), "more");
  const failed = runTsbuild(args, { home, env: EPOCH });
  expect(failed.status).toBe(1);
  expect(failed.stderr.match(/^error\[.*\]/gm)).toEqual(["error[store/disk-full]"]);
  {
    using store = openStore(home);
    store.prune({ records: "all" });
    expect(await store.verify()).toEqual([]);
  }
  rmSync(filler);
  tsbuild(args, { home, env: EPOCH });
  using store = openStore(home);
  expect(await store.verify()).toEqual([]);
});
