import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { hexOf } from "../../src/core/digest.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { addImage, addLayer, imageOf, sha256 } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface IndexFile {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[];
}

const readIndex = (store: Store): IndexFile => JSON.parse(readFileSync(store.paths.index, "utf8"));

const refNames = (store: Store): readonly (string | undefined)[] =>
  readIndex(store).manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"]);

/** What another program does to the layout: replaces or adds an entry, keeps the others. */
function writeForeign(store: Store, manifests: readonly object[]): void {
  writeFileSync(store.paths.index, JSON.stringify({ schemaVersion: 2, manifests }));
}

describe("images are found", () => {
  const full = "localhost:5000/team/app:1.0";
  test.each([
    { name: "by the name as people write it", text: () => "hello:1.0.0" },
    { name: "by the full name", text: () => "docker.io/library/hello:1.0.0" },
    { name: "by a name with a port", text: () => full },
    { name: "without a tag, as latest", text: () => "hello" },
    { name: "by id", text: (ids: { id: string }) => ids.id },
    { name: "by the digits of the id", text: (ids: { id: string }) => ids.id.slice("sha256:".length) },
    { name: "by the first twelve digits", text: (ids: { id: string }) => ids.id.slice(7, 19) },
    { name: "by sha256: and some digits", text: (ids: { id: string }) => ids.id.slice(0, 20) },
    { name: "by manifest digest", text: (ids: { manifest: string }) => ids.manifest },
    {
      name: "by repository and manifest digest",
      text: (ids: { manifest: string }) => `hello@${ids.manifest}`,
    },
    { name: "by a repository digest of a pull", text: () => `pulled@${sha256("remote manifest")}` },
  ])("$name", ({ text }) => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    const names = ["docker.io/library/hello:1.0.0", "docker.io/library/hello:latest", full];
    const layer = addLayer(store, "a");
    const image = {
      ...imageOf(store, [layer], names),
      repoDigests: [`docker.io/library/pulled@${sha256("remote manifest")}`],
    };
    store.images.add(image);
    addImage(store, "other", ["docker.io/library/other:1"]);
    const ids = { id: image.id, manifest: image.manifests[0]!.digest };
    expect(store.images.resolveId(text(ids))).toBe(image.id);
    expect(store.images.resolve(text(ids))).toMatchObject({
      id: image.id,
      names: names.toSorted(),
      manifest: ids.manifest,
    });
  });

  test.each([
    { name: "another tag", text: () => "hello:2" },
    { name: "another repository with a known digest", text: (manifest: string) => `foreign@${manifest}` },
    { name: "digits of nothing", text: () => "0123456789ab" },
    { name: "no name at all", text: () => "A:b:c" },
  ])("but not by $name", ({ text }) => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    const { image } = addImage(store, "a", ["docker.io/library/hello:1.0.0"]);
    expect(store.images.resolve(text(image.manifests[0]!.digest))).toBeUndefined();
    expect(store.images.resolveId(text(image.manifests[0]!.digest))).toBeUndefined();
  });

  test("digits that several ids start with are ambiguous", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    for (let i = 0; i < 17; i += 1) addImage(store, `image ${i}`, []);
    const first = store.images.list().map(({ id }) => hexOf(id).slice(0, 1));
    const twice = first.find((digit, at) => first.indexOf(digit) !== at) ?? "";
    expect(() => store.images.resolve(twice)).toThrow(expect.objectContaining({ code: "image/ambiguous" }));
  });
});

test("a name moves to the image that was tagged last; the other stays, dangling", () => {
  using dir = tempDir("images");
  using store = openStore(dir.path);
  const one = addImage(store, "one", ["docker.io/library/app:latest"]).image;
  const two = addImage(store, "two", ["docker.io/library/app:latest"]).image;
  expect(store.images.get(one.id)?.names).toEqual([]);
  expect(store.images.resolve("app")?.id).toBe(two.id);
  store.images.tag("docker.io/library/app:old", one.id);
  expect(store.images.get(one.id)?.names).toEqual(["docker.io/library/app:old"]);
  expect(store.images.untag("docker.io/library/app:old")).toBe(true);
  expect(store.images.untag("docker.io/library/app:old")).toBe(false);
  expect(() => store.images.tag("docker.io/library/x:1", sha256("nothing"))).toThrow(
    expect.objectContaining({ code: "image/not-found" }),
  );
});

test("adding an image that is kept already writes nothing and takes no lock", () => {
  using dir = tempDir("images");
  using store = openStore(dir.path);
  const { image } = addImage(store, "a", ["docker.io/library/hello:1.0.0"]);
  const files = [store.paths.index, store.paths.ref(image.names[0]!), store.paths.image(image.id)];
  const before = files.map((path) => statSync(path).ino);
  rmSync(store.paths.indexLock);
  store.images.add(image);
  expect(files.map((path) => statSync(path).ino)).toEqual(before);
  expect(statSync(store.paths.indexLock, { throwIfNoEntry: false })).toBeUndefined();
});

test("adding it again gives back image blobs that a foreign collector removed", () => {
  using dir = tempDir("images");
  using store = openStore(dir.path);
  const { image, layer } = addImage(store, "a", ["docker.io/library/hello:1.0.0"]);
  const path = store.paths.imageBlob(sha256("tar of a".padEnd(1024)));
  rmSync(path);
  store.images.add(image);
  expect(statSync(path).size).toBe(layer.size);
});

test("an image without one of its blobs is refused", () => {
  using dir = tempDir("images");
  using store = openStore(dir.path);
  const layer = addLayer(store, "a");
  const image = imageOf(store, [layer], ["docker.io/library/hello:1.0.0"]);
  rmSync(store.paths.cacheBlob(sha256("tar of a".padEnd(1024))));
  expect(() => store.images.add(image)).toThrow(expect.objectContaining({ code: "store/damaged" }));
  expect(store.images.list()).toEqual([]);
});

test("names longer than a file name, and names that differ by case, are kept apart", () => {
  using dir = tempDir("images");
  using store = openStore(dir.path);
  const repository = `docker.io/${"a".repeat(120)}/${"b".repeat(120)}`;
  const names = [
    `${repository}:${"T".repeat(128)}`,
    `${repository}:${"t".repeat(128)}`,
    `${repository}:${"T".repeat(127)}`,
  ];
  for (const name of names) addImage(store, name, [name]);
  for (const name of names) expect(store.images.byName(name)?.names).toEqual([name]);
  expect(new Set(names.map((name) => store.paths.ref(name).toLowerCase())).size).toBe(3);
});

describe("index.json is a view", () => {
  test("familiar names where the OCI grammar takes them, the full name always, dangling images with neither", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    addImage(store, "a", [
      "docker.io/library/hello:1.0.0",
      "docker.io/library/foo__bar:1",
      "localhost:5000/a/b:1",
    ]);
    addImage(store, "b", []);
    expect(
      readIndex(store).manifests.map(({ annotations }) => annotations?.["io.containerd.image.name"]),
    ).toEqual([
      "docker.io/library/foo__bar:1",
      "docker.io/library/hello:1.0.0",
      "localhost:5000/a/b:1",
      undefined,
    ]);
    expect(refNames(store)).toEqual([undefined, "hello:1.0.0", "localhost:5000/a/b:1", undefined]);
    expect(JSON.parse(readFileSync(store.paths.ociLayout, "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
  });

  test("points at the OCI manifest where names point at Docker's", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    const image = imageOf(store, [addLayer(store, "a")], ["docker.io/library/hello:1"]);
    const docker = store.blobs.write(
      Buffer.from(
        readFileSync(store.blobs.pathOf(image.manifests[0]!.digest), "utf8").replace(
          MEDIA_TYPE.ociManifest,
          MEDIA_TYPE.dockerManifest,
        ),
      ),
    );
    const manifests = [{ mediaType: MEDIA_TYPE.dockerManifest, ...docker }, image.manifests[0]!];
    store.images.add({ ...image, manifests });
    expect(readIndex(store).manifests.map(({ digest }) => digest)).toEqual([image.manifests[0]!.digest]);
    expect(store.images.byDigest(docker.digest)?.id).toBe(image.id);
  });

  test("a torn one is rebuilt with the next change", () => {
    using dir = tempDir("images");
    const warnings: string[] = [];
    using store = openStore(dir.path, { warn: (text) => warnings.push(text) });
    addImage(store, "a", ["docker.io/library/a:1"]);
    writeFileSync(store.paths.index, '{"schemaVersion":2,"manif');
    expect(store.images.list().length).toBe(1);
    addImage(store, "b", ["docker.io/library/b:1"]);
    expect(refNames(store)).toEqual(["a:1", "b:1"]);
    expect(warnings.length).toBeGreaterThan(0);
  });

  test("what another program added is taken in, with the name it gave still working for it", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    addImage(store, "a", ["docker.io/library/a:1"]);
    const image = imageOf(store, [addLayer(store, "b")], []);
    const { digest } = image.manifests[0]!;
    store.openLease("test");
    store.blobs.promote(sha256("tar of b".padEnd(1024)));
    const annotations = { "org.opencontainers.image.ref.name": "foreign" };
    writeForeign(store, [...readIndex(store).manifests, { ...image.manifests[0], annotations }]);
    expect(store.images.resolve("foreign:latest")?.id).toBe(image.id);
    expect(store.images.list().length).toBe(2);
    expect(refNames(store)).toEqual(["a:1", "foreign:latest", "foreign"]);
    // Taken in once: what we remove is not taken in again.
    store.images.untag("docker.io/library/foreign:latest");
    expect(store.images.resolve("foreign:latest")).toBeUndefined();
    expect(store.images.get(image.id)?.manifest).toBe(digest);
  });

  test("a name that another program gave to another image is believed; one it removed comes back", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    addImage(store, "a", ["docker.io/library/a:1"]);
    addImage(store, "b", ["docker.io/library/b:1"]);
    const image = imageOf(store, [addLayer(store, "c")], []);
    using _lease = store.openLease("test");
    store.blobs.promote(sha256("tar of c".padEnd(1024)));
    writeForeign(store, [
      { ...image.manifests[0], annotations: { "org.opencontainers.image.ref.name": "a:1" } },
    ]);
    expect(store.images.list().find(({ names }) => names.includes("docker.io/library/a:1"))?.id).toBe(
      image.id,
    );
    expect(refNames(store)).toEqual(["a:1", "b:1", undefined]);
  });

  test("entries that are not ours to understand stay word for word, and their blobs stay", () => {
    using dir = tempDir("images");
    using store = openStore(dir.path);
    const artifact = store.blobs.write(Buffer.from('{"schemaVersion":2,"artifactType":"x"}'));
    const entry = { mediaType: "application/x-artifact", ...artifact, annotations: { "com.example": "1" } };
    writeForeign(store, [entry]);
    addImage(store, "a", ["docker.io/library/a:1"]);
    expect(readIndex(store).manifests).toContainEqual(entry);
    store.prune({ records: "all", images: "unused" });
    expect(store.blobs.has(artifact.digest)).toBe(true);
  });
});

test("a damaged name is missing, with a warning", () => {
  using dir = tempDir("images");
  const warnings: string[] = [];
  using store = openStore(dir.path, { warn: (text) => warnings.push(text) });
  addImage(store, "a", ["docker.io/library/a:1"]);
  writeFileSync(store.paths.ref("docker.io/library/a:1"), "{");
  expect(store.images.resolve("a:1")).toBeUndefined();
  expect(warnings[0]).toContain("damaged");
});
