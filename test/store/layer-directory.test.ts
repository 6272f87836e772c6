import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { seal } from "../../src/store/sealed-json.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { addLayer, sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const OWN = { mapping: "", synced: false };

function treeWith(store: Store, file: string): string {
  const dir = store.openLease("test").makeTemp();
  writeFileSync(join(dir, file), "");
  return dir;
}

test("facts and table of contents come back; further blobs are added to those known", () => {
  using dir = tempDir("layers");
  using store = openStore(dir.path);
  const layer = addLayer(store, "a");
  expect(store.layers.readToc(layer.chainId)?.toString()).toBe("toc of a");
  const gzip = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: sha256("gz"), size: 3 };
  store.layers.addBlobs(layer.chainId, [gzip]);
  store.layers.addBlobs(layer.chainId, [gzip]);
  expect(store.layers.read(layer.chainId)?.blobs.map(({ digest }) => digest)).toEqual([
    layer.diffId,
    gzip.digest,
  ]);
  // Only what is there can be claimed.
  using _lease = store.openLease("test");
  expect(store.layers.claim(layer.chainId)?.blobs.map(({ digest }) => digest)).toEqual([layer.diffId]);
  rmSync(store.paths.cacheBlob(sha256("tar of a".padEnd(1024))));
  expect(store.layers.claim(layer.chainId)).toBeUndefined();
});

describe("damage is a miss with a warning", () => {
  test.each([
    { name: "layer.json cut short", file: "layer.json", text: '{"sha256":"' },
    { name: "other bytes in the table of contents", file: "toc", text: "toc of b" },
    { name: "an empty table of contents", file: "toc", text: "" },
  ])("$name", ({ file, text }) => {
    using dir = tempDir("layers");
    const warnings: string[] = [];
    using store = openStore(dir.path, { warn: (line) => warnings.push(line) });
    const { chainId } = addLayer(store, "a");
    writeFileSync(join(store.paths.layer(chainId), file), text);
    expect(store.layers.readToc(chainId)).toBeUndefined();
    expect(warnings.length).toBe(1);
    addLayer(store, "a");
    expect(store.layers.readToc(chainId)?.toString()).toBe("toc of a");
  });
});

describe("a tree counts only with a marker that fits", () => {
  test("it is found for the mapping that made it, and another mapping gets its own", () => {
    using dir = tempDir("layers");
    using store = openStore(dir.path);
    const { chainId } = addLayer(store, "a");
    const mapped = { mapping: "0:100000:65536", synced: false };
    expect(store.layers.treeOf(chainId, "")).toBeUndefined();
    expect(store.layers.commitTree(chainId, treeWith(store, "own"), OWN)).toBe(true);
    expect(store.layers.commitTree(chainId, treeWith(store, "mapped"), mapped)).toBe(true);
    expect(readdirSync(store.layers.treeOf(chainId, "") ?? "")).toEqual(["own"]);
    expect(readdirSync(store.layers.treeOf(chainId, mapped.mapping) ?? "")).toEqual(["mapped"]);
    expect(store.layers.treeOf(chainId, "0:1:1")).toBeUndefined();
  });

  test("the second of two writers keeps its folder and is told so", () => {
    using dir = tempDir("layers");
    using store = openStore(dir.path);
    const { chainId } = addLayer(store, "a");
    store.layers.commitTree(chainId, treeWith(store, "first"), OWN);
    const second = treeWith(store, "second");
    expect(store.layers.commitTree(chainId, second, OWN)).toBe(false);
    expect(existsSync(second)).toBe(true);
    expect(readdirSync(store.layers.treeOf(chainId, "") ?? "")).toEqual(["first"]);
  });

  test.each([
    { name: "no marker", bootId: undefined, synced: false, found: false },
    { name: "a marker of another boot", bootId: "another", synced: false, found: false },
    { name: "a marker of another boot, tree synced", bootId: "another", synced: true, found: true },
  ])("$name", ({ bootId, synced, found }) => {
    using dir = tempDir("layers");
    using store = openStore(dir.path);
    const { chainId } = addLayer(store, "a");
    using _lease = store.openLease("test");
    mkdirSync(join(store.paths.layer(chainId), "tree"));
    writeFileSync(join(store.paths.layer(chainId), "tree", "half"), "");
    const marker = join(store.paths.layer(chainId), "tree.json");
    if (bootId !== undefined) writeFileSync(marker, seal({ schema: 1, bootId, mapping: "", synced }));
    expect(store.layers.treeOf(chainId, "") !== undefined).toBe(found);
    if (found) return;
    // What is not believed is replaced.
    store.layers.commitTree(chainId, treeWith(store, "whole"), OWN);
    expect(readdirSync(store.layers.treeOf(chainId, "") ?? "")).toEqual(["whole"]);
    expect(readFileSync(marker, "utf8")).not.toContain("another");
  });
});
