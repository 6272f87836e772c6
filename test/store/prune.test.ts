import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Listing } from "../../src/core/file-tree.ts";
import { encodeListing } from "../../src/core/listing.ts";
import { openStore } from "../../src/store/store.ts";
import { addImage, addLayer, age, imageOf, recordOf, sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const DAY_MS = 86_400_000;

/** What a folder of blobs holds, without what tells nothing: their number is the point. */
const count = (folder: string): number => (existsSync(folder) ? readdirSync(folder).length : 0);

test("images keep their layers when the whole cache goes; layers of records alone go with them", async () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const kept = addImage(store, "kept", ["docker.io/library/kept:1"]);
  const lost = addLayer(store, "lost");
  age(dir.path);
  const report = store.prune({ records: "all" });
  expect(report).toMatchObject({ records: 2, layers: 1, images: [] });
  expect(report.bytes).toBeGreaterThan(lost.size);
  expect(report.blobs).toEqual([lost.diffId]);
  expect(store.layers.read(lost.chainId)).toBeUndefined();
  expect(store.layers.readToc(kept.layer.chainId)?.toString()).toBe("toc of kept");
  expect(await store.verify()).toEqual([]);
  expect(store.images.resolve("kept:1")?.id).toBe(kept.image.id);
});

describe("images go", () => {
  test.each([
    { name: "none unless asked", images: "none" as const, inUse: "", left: ["dangling", "named"] },
    { name: "those without a name", images: "dangling" as const, inUse: "", left: ["named"] },
    { name: "all", images: "unused" as const, inUse: "", left: [] },
    { name: "all that are not in use", images: "unused" as const, inUse: "named", left: ["named"] },
  ])("$name", ({ images, inUse, left }) => {
    using dir = tempDir("prune");
    using store = openStore(dir.path);
    const ids: Record<string, string> = {
      named: addImage(store, "named", ["docker.io/library/named:1"]).image.id,
      dangling: addImage(store, "dangling", []).image.id,
    };
    age(dir.path);
    const report = store.prune({ records: "none", images, isInUse: ({ id }) => id === ids[inUse] });
    const leftIds = store.images.list().map(({ id }) => id);
    expect(leftIds.toSorted()).toEqual(left.map((name) => ids[name] ?? "").toSorted());
    expect(report.images.length).toBe(2 - left.length);
    // The cache keeps its own name of each layer, and of the manifests that are left.
    expect(count(store.paths.cacheBlobs)).toBe(2 + left.length);
    expect(count(store.paths.imageBlobs)).toBe(3 * left.length);
  });
});

test("records go by when they were last used", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const [old, young] = [addLayer(store, "old"), addLayer(store, "young")];
  age(dir.path);
  const seconds = (Date.now() - 3 * DAY_MS) / 1000;
  utimesSync(store.paths.record(old.record.key.id), seconds, seconds);
  expect(store.prune({ records: { unusedForMs: 2 * DAY_MS } })).toMatchObject({ records: 1, layers: 1 });
  expect(store.records.get(young.record.key.id)).toEqual(young.record);
});

test("the least recently used go until the cache is small enough; a shared layer is freed with its last record", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const layers = ["a", "b", "c", "d"].map((name) => addLayer(store, name));
  // The oldest record shares its layer with the youngest: removing it frees nothing.
  const shared = recordOf("shares d", { layer: layers[3]!.record.layer, content: layers[3]!.record.content });
  store.records.put(shared, false);
  age(dir.path);
  const order = [shared, ...layers.map(({ record }) => record)];
  for (const [at, record] of order.entries()) {
    const seconds = Date.now() / 1000 - 7200 + at;
    utimesSync(store.paths.record(record.key.id), seconds, seconds);
  }
  const recordBytes = statSync(store.paths.record(layers[0]!.record.key.id)).size;
  store.prune({ records: { keepBytes: 2 * (1024 + recordBytes + 8) + 100 } });
  const left = order.filter((record) => store.records.get(record.key.id) !== undefined);
  expect(left).toEqual([layers[2]!.record, layers[3]!.record]);
  expect(store.blobs.has(sha256("tar of d".padEnd(1024)))).toBe(true);
  expect(count(store.paths.cacheBlobs)).toBe(2);
});

test("nothing is removed that the command in hand has written or claimed", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const old = addLayer(store, "old");
  const unclaimed = addLayer(store, "unclaimed");
  age(dir.path);
  using _lease = store.openLease("build");
  const young = addLayer(store, "young");
  const claimed = store.layers.claim(old.chainId);
  expect(claimed?.blobs.length).toBe(1);
  store.prune({ records: "all", images: "unused" });
  expect(store.layers.claim(old.chainId)).toEqual(claimed);
  expect(store.layers.claim(young.chainId)?.blobs.length).toBe(1);
  expect(store.layers.claim(unclaimed.chainId)).toBeUndefined();
});

test("what containers stand on stays", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const { image, layer } = addImage(store, "a", []);
  const written = addLayer(store, "written");
  age(dir.path);
  const roots = { images: [image.id], layers: [written.chainId] };
  store.prune({
    records: "all",
    images: "dangling",
    isInUse: ({ id }) => id === image.id,
    roots: () => roots,
  });
  using _lease = store.openLease("test");
  expect(store.layers.claim(layer.chainId)?.blobs.length).toBe(1);
  expect(store.layers.claim(written.chainId)?.blobs.length).toBe(1);
});

test("listings stay as long as a record can be explained by them, sublistings too", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const row = { mode: 0o755, uid: 0, gid: 0, size: 0 };
  const put = (listing: Listing) => {
    const digest = sha256(encodeListing(listing));
    store.listings.put(digest, listing);
    return digest;
  };
  const leaf = put({ rows: [{ ...row, name: "f\xff", type: "file", digest: sha256("f") }] });
  const root = put({ rows: [{ ...row, name: "sub", type: "dir", digest: leaf }] });
  const other = put({ rows: [] });
  const record = recordOf("COPY");
  store.records.put(
    { ...record, key: { ...record.key, inputs: [{ kind: "files", subject: ".", value: root }] } },
    false,
  );
  age(dir.path);
  expect(store.prune({ records: "none" }).listings).toBe(1);
  expect([leaf, root, other].map((digest) => store.listings.has(digest))).toEqual([true, true, false]);
  expect(store.listings.get(leaf)?.rows[0]?.name).toBe("f\xff");
  age(dir.path);
  expect(store.prune({ records: "all" }).listings).toBe(2);
  expect(count(store.paths.latest)).toBe(0);
});

test("a layer's tree goes with the layer, whatever its modes; damaged layers go too", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const { chainId } = addLayer(store, "a");
  {
    using lease = store.openLease("test");
    const tree = lease.makeTemp();
    mkdirSync(join(tree, "d"));
    writeFileSync(join(tree, "d", "f"), Buffer.alloc(50_000));
    store.layers.commitTree(chainId, tree, { mapping: "", synced: true });
  }
  const damaged = addLayer(store, "damaged");
  writeFileSync(join(store.paths.layer(damaged.chainId), "layer.json"), "{");
  age(dir.path);
  expect(store.prune({ records: "none" }).layers).toBe(1);
  const report = store.prune({ records: "all" });
  expect(report.layers).toBe(1);
  expect(report.bytes).toBeGreaterThan(50_000);
  expect(count(store.paths.layers)).toBe(0);
  expect(report.undeletable).toEqual([]);
});

test("old build records go, the latest stay", () => {
  using dir = tempDir("prune");
  let nowMs = Date.now() - 10 * DAY_MS;
  using store = openStore(dir.path, { clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } });
  const ids: string[] = [];
  for (let day = 0; day < 5; day += 1) {
    nowMs += DAY_MS;
    const build = store.builds.create();
    build.write("build", { day });
    ids.unshift(build.id);
  }
  age(dir.path);
  expect(store.builds.list()).toEqual(ids);
  expect(store.prune({ records: "none", keepBuilds: 3 }).builds).toBe(2);
  expect(store.prune({ records: "none", buildsOlderThanMs: 1.5 * DAY_MS }).builds).toBe(1);
  expect(store.builds.list()).toEqual(ids.slice(0, 2));
});

test("after a command that was killed before it wrote index.json, a prune brings it up to date", () => {
  using dir = tempDir("prune");
  using store = openStore(dir.path);
  const { image } = addImage(store, "a", ["docker.io/library/a:1"]);
  rmSync(store.paths.ref("docker.io/library/a:1"));
  rmSync(store.paths.image(image.id));
  age(dir.path);
  store.prune({ records: "all" });
  expect(JSON.parse(readFileSync(store.paths.index, "utf8"))).toMatchObject({ manifests: [] });
  expect(count(store.paths.imageBlobs)).toBe(0);
});

describe("removing an image", () => {
  const [one, two, three] = [
    "docker.io/library/app:1",
    "docker.io/library/app:2",
    "docker.io/library/else:1",
  ];

  test("by one of its names takes that name alone", () => {
    using dir = tempDir("rmi");
    using store = openStore(dir.path);
    const { image } = addImage(store, "a", [one, two]);
    expect(store.removeImage("app:1")).toMatchObject({ untagged: [one], deleted: [] });
    expect(store.images.get(image.id)?.names).toEqual([two]);
  });

  test("by its last name takes the image, and layers that nothing else needs, topmost first", async () => {
    using dir = tempDir("rmi");
    using store = openStore(dir.path);
    const base = addLayer(store, "base");
    const top = addLayer(store, "top", base);
    const shared = imageOf(store, [base], ["docker.io/library/base:1"]);
    const image = {
      ...imageOf(store, [base, top], [one]),
      repoDigests: [`docker.io/library/app@${sha256("m")}`],
    };
    store.images.add(shared);
    store.images.add(image);
    rmSync(store.paths.records, { recursive: true });
    age(dir.path);
    const removed = store.removeImage("app:1");
    expect(removed.untagged).toEqual([one, `docker.io/library/app@${sha256("m")}`]);
    expect(removed.deleted).toEqual([image.id, top.chainId]);
    expect(removed.bytes).toBeGreaterThan(top.size);
    expect(await store.verify()).toEqual([]);
    expect(store.images.list().map(({ id }) => id)).toEqual([shared.id]);
  });

  test("leaves to the cache what records still lead to", () => {
    using dir = tempDir("rmi");
    using store = openStore(dir.path);
    const { image, layer } = addImage(store, "a", [one]);
    age(dir.path);
    expect(store.removeImage("app:1").deleted).toEqual([image.id]);
    using _lease = store.openLease("test");
    expect(store.layers.claim(layer.chainId)?.blobs.length).toBe(1);
  });

  test("by id takes all names of one repository; of several only by force", () => {
    using dir = tempDir("rmi");
    using store = openStore(dir.path);
    const { image } = addImage(store, "a", [one, two]);
    expect(store.removeImage(image.id).untagged).toEqual([one, two]);
    addImage(store, "a", [one, three]);
    expect(() => store.removeImage(image.id.slice(7, 19))).toThrow(
      expect.objectContaining({ code: "image/in-use" }),
    );
    expect(store.images.get(image.id)?.names).toEqual([one, three]);
    expect(store.removeImage(image.id, { force: true }).untagged).toEqual([one, three]);
    expect(() => store.removeImage("app:1")).toThrow(expect.objectContaining({ code: "image/not-found" }));
  });
});
