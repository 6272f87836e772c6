import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { addLayer, age } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const HOLDER = join(import.meta.dirname, "children", "holder.ts");

/** Another process that holds a lease, and the folder of that lease. */
async function startHolder(home: string, layer?: string): Promise<{ child: ChildProcess; dir: string }> {
  const args = [HOLDER, home, ...(layer === undefined ? [] : [layer])];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const [line]: unknown[] = await Promise.race([once(child.stdout, "data"), once(child, "close")]);
  return { child, dir: String(line).split(" ")[0] ?? "" };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

test("a lease's folder goes with it, and the lock file too", () => {
  using dir = tempDir("leases");
  using store = openStore(dir.path);
  {
    using lease = store.openLease("build");
    expect(existsSync(lease.makeTemp())).toBe(true);
    expect(lease.makeTemp()).not.toBe(lease.makeTemp());
    expect(readdirSync(store.paths.leases)).toEqual([`${lease.id}-build`]);
  }
  expect(readdirSync(store.paths.leases)).toEqual([]);
  expect(readdirSync(store.paths.temp)).toEqual([]);
});

test("leases of one store object share a folder, which stays until the last is closed", () => {
  using dir = tempDir("leases");
  using store = openStore(dir.path);
  const outer = store.openLease("build");
  const inner = store.openLease("write");
  expect(inner.dir).toBe(outer.dir);
  outer[Symbol.dispose]();
  outer[Symbol.dispose]();
  expect(existsSync(inner.dir)).toBe(true);
  inner[Symbol.dispose]();
  expect(existsSync(inner.dir)).toBe(false);
});

test("what a killed command left is removed by the next one; a living one's is not", async () => {
  using dir = tempDir("leases");
  const alive = await startHolder(dir.path);
  const dead = await startHolder(dir.path);
  await kill(dead.child);
  const ended: string[] = [];
  using store = openStore(dir.path, { onDeadLease: (path) => ended.push(path) });
  {
    using lease = store.openLease("build");
    expect(ended).toEqual([dead.dir]);
    expect(existsSync(dead.dir)).toBe(false);
    expect(readdirSync(alive.dir)).toContain("state");
    expect(readdirSync(store.paths.temp)).toContain(lease.id);
  }
  await kill(alive.child);
  {
    using _lease = store.openLease("build");
    expect(ended).toEqual([dead.dir, alive.dir]);
    expect(existsSync(alive.dir)).toBe(false);
  }
  expect(store.leftovers).toEqual([]);
});

test("a prune spares what a living command claimed, however old it is, and takes it once that has ended", async () => {
  using dir = tempDir("leases");
  using store = openStore(dir.path);
  const layer = addLayer(store, "shared");
  const other = addLayer(store, "other");
  age(dir.path);
  // The holder makes the same layer again: it meets the old blob and claims it.
  const { child } = await startHolder(dir.path, "shared");
  store.prune({ records: "all" });
  expect(store.layers.read(other.chainId)).toBeUndefined();
  expect(store.layers.read(layer.chainId)?.blobs.map(({ digest }) => store.blobs.has(digest))).toEqual([
    true,
  ]);
  await kill(child);
  age(dir.path);
  store.prune({ records: "all" });
  expect(store.layers.read(layer.chainId)).toBeUndefined();
  expect(readdirSync(store.paths.cacheBlobs)).toEqual([]);
});
