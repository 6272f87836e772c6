import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { addImage, addLayer, imageOf, sha256, type TestLayer } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const tarDigest = sha256("tar of a".padEnd(1024));

describe("verify names what is wrong", () => {
  test.each([
    {
      name: "a flipped bit in a layer",
      kind: "blob",
      harm: (store: Store) => writeFileSync(store.paths.imageBlob(tarDigest), "tar of b".padEnd(1024)),
    },
    {
      name: "a missing layer",
      kind: "image",
      harm: (store: Store) => {
        rmSync(store.paths.imageBlob(tarDigest));
        rmSync(store.paths.cacheBlob(tarDigest));
      },
    },
    {
      name: "a torn config",
      kind: "image",
      harm: (store: Store) => truncateSync(store.paths.imageBlob(store.images.list()[0]!.id), 20),
    },
    {
      name: "a torn name",
      kind: "name",
      harm: (store: Store) => truncateSync(store.paths.ref("docker.io/library/a:1"), 20),
    },
    {
      name: "a name without its image",
      kind: "name",
      harm: (store: Store) => rmSync(store.paths.image(store.images.list()[0]!.id)),
    },
    {
      name: "a torn table of contents",
      kind: "layer",
      harm: (store: Store, layer: TestLayer) =>
        truncateSync(join(store.paths.layer(layer.chainId), "toc"), 3),
    },
    {
      name: "a torn record",
      kind: "record",
      harm: (store: Store, layer: TestLayer) => truncateSync(store.paths.record(layer.record.key.id), 30),
    },
    {
      name: "a torn listing",
      kind: "listing",
      harm: (store: Store) => {
        store.listings.put(sha256(""), { rows: [] });
        writeFileSync(store.paths.listing(sha256("")), "x");
      },
    },
  ])("$name", async ({ kind, harm }) => {
    using dir = tempDir("verify");
    using store = openStore(dir.path);
    const { layer } = addImage(store, "a", ["docker.io/library/a:1"]);
    expect(await store.verify()).toEqual([]);
    harm(store, layer);
    expect((await store.verify()).map((problem) => problem.kind)).toContain(kind);
  });
});

describe("a compressed layer must unpack to the config's diff id", () => {
  test.each([
    { name: "gzip", mediaType: MEDIA_TYPE.ociLayerGzip, pack: gzipSync },
    { name: "zstd", mediaType: MEDIA_TYPE.ociLayerZstd, pack: zstdCompressSync },
  ])("$name", async ({ mediaType, pack }) => {
    using dir = tempDir("verify");
    using store = openStore(dir.path);
    using _lease = store.openLease("test");
    const layer = addLayer(store, "a");
    const plain = imageOf(store, [layer], ["docker.io/library/plain:1"]);
    const add = (text: string, name: string) => {
      const blob = store.blobs.write(pack(Buffer.from(text.padEnd(1024))));
      const manifest = store.blobs.write(
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            config: { mediaType: MEDIA_TYPE.ociConfig, digest: plain.id, size: store.blobs.sizeOf(plain.id) },
            layers: [{ mediaType, ...blob }],
          }),
        ),
      );
      store.images.add({
        ...plain,
        manifests: [{ mediaType: MEDIA_TYPE.ociManifest, ...manifest }],
        names: [name],
      });
    };
    add("tar of a", "docker.io/library/good:1");
    expect(await store.verify()).toEqual([]);
    add("tar of b", "docker.io/library/bad:1");
    expect(await store.verify({ image: plain.id })).toEqual([
      expect.objectContaining({
        kind: "image",
        subject: plain.id,
        message: expect.stringContaining("unpacks to"),
      }),
    ]);
  });
});

test("one image alone can be verified: harm elsewhere is not its problem", async () => {
  using dir = tempDir("verify");
  using store = openStore(dir.path);
  const good = addImage(store, "good", ["docker.io/library/good:1"]).image;
  const bad = addImage(store, "a", ["docker.io/library/a:1"]).image;
  writeFileSync(store.paths.imageBlob(tarDigest), "x");
  const seen: string[] = [];
  expect(await store.verify({ image: good.id, onBlob: (digest) => seen.push(digest) })).toEqual([]);
  expect(seen.length).toBe(3);
  expect((await store.verify({ image: bad.id })).length).toBeGreaterThan(0);
});
