import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { parseReference } from "../../src/core/reference.ts";
import { downloadBlobs } from "../../src/registry/download.ts";
import { fetchSmallBlob } from "../../src/registry/fetch-blob.ts";
import { resolveManifest } from "../../src/registry/pull.ts";
import { pushImage } from "../../src/registry/push.ts";
import { startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import {
  AMD64,
  describeBytes,
  digestOf,
  documentOf,
  noise,
  readAll,
  sampleImage,
  testClient,
} from "./sample-image.ts";

const ARM = { os: "linux", architecture: "arm", variant: "v7" };
const PPC = { os: "linux", architecture: "ppc64le" };

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.close());

async function pushed(name: string, image: Parameters<typeof pushImage>[2]) {
  await using client = testClient();
  const reference = parseReference(`${registry.address}/${name}`);
  await pushImage(client, reference, image);
  return reference;
}

describe("a name becomes the manifest for this platform", () => {
  test.each(["oci", "docker"] as const)(
    "a single %s manifest, its config and its layers, byte for byte",
    async (format) => {
      const image = sampleImage([noise("one", 70_000), noise("two", 300_000)], { format, seed: format });
      const reference = await pushed(`single-${format}:1`, image);
      await using client = testClient();
      const resolved = await resolveManifest(client, reference, AMD64);
      expect(resolved.bytes).toEqual(image.manifest.bytes);
      expect(resolved.digest).toBe(image.manifest.descriptor.digest);
      expect(resolved.index).toBeUndefined();
      const config = await fetchSmallBlob(client, resolved.source, resolved.manifest.config);
      expect(digestOf(config)).toBe(resolved.manifest.config.digest);

      const received = new Map<string, Buffer>();
      await downloadBlobs(client, resolved.source, resolved.manifest.layers, {
        sink: async (descriptor, bytes) => {
          received.set(descriptor.digest, await readAll(bytes));
        },
      });
      expect([...received.values()].map(digestOf).toSorted()).toEqual(image.layers.map(digestOf).toSorted());
    },
  );

  const images = [
    { platform: AMD64, image: sampleImage([noise("amd64", 1000)], { seed: "amd64" }) },
    { platform: { ...ARM, variant: "v6" }, image: sampleImage([noise("armv6", 1000)], { seed: "armv6" }) },
  ];
  const attestation = sampleImage([noise("attestation", 100)], { seed: "attestation" });
  const index = documentOf(
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [
        { ...attestation.manifest.descriptor, platform: { os: "unknown", architecture: "unknown" } },
        ...images.map(({ platform, image }) => ({ ...image.manifest.descriptor, platform })),
      ],
    },
    MEDIA_TYPE.ociIndex,
  );
  const parts = [attestation, ...images.map(({ image }) => image)];
  const whole = {
    blobs: parts.flatMap((image) => image.blobs),
    documents: [...parts.flatMap((image) => image.documents), index],
  };

  test.each([
    { name: "its own", platform: AMD64, expected: images[0] },
    { name: "an elder ARM", platform: ARM, expected: images[1] },
  ])("from an index: $name", async ({ platform, expected }) => {
    const reference = await pushed("many:1", whole);
    await using client = testClient();
    const resolved = await resolveManifest(client, reference, platform);
    expect(resolved.descriptor.digest).toBe(expected?.image.manifest.descriptor.digest);
    expect(resolved.digest).toBe(index.descriptor.digest);
    expect(resolved.index?.bytes).toEqual(index.bytes);
  });

  test("an index without this platform says what it has", async () => {
    const reference = await pushed("many:1", whole);
    await using client = testClient();
    await expect(resolveManifest(client, reference, PPC)).rejects.toMatchObject({
      code: "registry/no-platform",
      message: expect.stringContaining("linux/ppc64le"),
      details: { hint: "It has: linux/amd64, linux/arm/v6." },
    });
  });

  test("a digest is asked for by digest, whatever the tag says", async () => {
    const old = sampleImage([noise("old", 500)], { seed: "old" });
    await pushed("moved:1", old);
    await pushed("moved:1", sampleImage([noise("new", 500)], { seed: "new" }));
    await using client = testClient();
    const reference = parseReference(`${registry.address}/moved:1@${old.manifest.descriptor.digest}`);
    expect((await resolveManifest(client, reference, AMD64)).bytes).toEqual(old.manifest.bytes);
  });

  test("a manifest that is here already is not transferred again", async () => {
    const image = sampleImage([noise("known", 500)], { seed: "known" });
    await pushed("known:1", image);
    await using proxy = await startFaultProxy(registry.address, () => undefined);
    await using client = testClient();
    const resolved = await resolveManifest(client, parseReference(`${proxy.address}/known:1`), AMD64, {
      known: (digest) => (digest === image.manifest.descriptor.digest ? image.manifest.bytes : undefined),
    });
    expect(resolved.bytes).toEqual(image.manifest.bytes);
    expect(proxy.seen.filter(({ path }) => path.includes("manifests")).map(({ method }) => method)).toEqual([
      "HEAD",
    ]);
  });
});

describe("what cannot be had is said in plain words", () => {
  test.each(["nothing-here:1", "nothing-here/at/all:latest"])("%s", async (name) => {
    await using client = testClient();
    await expect(
      resolveManifest(client, parseReference(`${registry.address}/${name}`), AMD64),
    ).rejects.toMatchObject({
      code: "registry/not-found",
      message: expect.stringContaining(`${registry.address}/${name} is not found on ${registry.address}`),
    });
  });

  test("a registry that is not there", async () => {
    await using client = testClient();
    await expect(resolveManifest(client, parseReference("localhost:1/x"), AMD64)).rejects.toMatchObject({
      code: "registry/unreachable",
      message: "cannot reach localhost:1: nothing listens there",
      details: { hint: "Is a registry running on localhost:1?" },
    });
  });
});

/** A "registry" that serves these bytes as every manifest. */
function serving(body: string | Buffer, contentType: string, headers: Record<string, string> = {}) {
  return startFaultProxy(registry.address, ({ path }) =>
    path.includes("/manifests/")
      ? { type: "answer", status: 200, headers: { "content-type": contentType, ...headers }, body }
      : undefined,
  );
}

describe("a manifest that could mislead is refused", () => {
  const config = describeBytes(Buffer.from("{}"), MEDIA_TYPE.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [] };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [config] };
  test.each([
    { name: "both kinds at once", type: MEDIA_TYPE.ociIndex, json: { ...manifest, ...index } },
    { name: "both kinds, sent as a manifest", type: MEDIA_TYPE.ociManifest, json: { ...index, ...manifest } },
    { name: "an index sent as a manifest", type: MEDIA_TYPE.ociManifest, json: index },
    { name: "a manifest sent as an index", type: MEDIA_TYPE.dockerManifestList, json: manifest },
    {
      name: "fields of one and the type of the other",
      type: MEDIA_TYPE.ociIndex,
      json: { ...index, manifests: undefined, layers: [] },
    },
    {
      name: "an unknown kind",
      type: "application/vnd.example+json",
      json: { schemaVersion: 2, mediaType: "application/x", layers: [], config },
    },
    {
      name: "schema 1",
      type: "application/vnd.docker.distribution.manifest.v1+prettyjws",
      json: { schemaVersion: 1, fsLayers: [], history: [] },
    },
    {
      name: "schema 1 under a neutral type",
      type: "application/json",
      json: { schemaVersion: 1, fsLayers: [], history: [] },
    },
    {
      name: "a digest that climbs out",
      type: MEDIA_TYPE.ociManifest,
      json: { ...manifest, layers: [{ mediaType: "x", size: 1, digest: "sha256:../../x" }] },
    },
    {
      name: "a negative size",
      type: MEDIA_TYPE.ociManifest,
      json: { ...manifest, layers: [{ ...config, size: -1 }] },
    },
    {
      name: "a size beyond counting",
      type: MEDIA_TYPE.ociManifest,
      json: { ...manifest, layers: [{ ...config, size: 2 ** 60 }] },
    },
    { name: "an empty object", type: MEDIA_TYPE.ociManifest, json: {} },
    { name: "a list", type: MEDIA_TYPE.ociManifest, json: [] },
  ])("$name", async ({ type, json }) => {
    await using proxy = await serving(JSON.stringify(json), type);
    await using client = testClient();
    const failed = resolveManifest(client, parseReference(`${proxy.address}/x:1`), AMD64);
    await expect(failed).rejects.toMatchObject({ code: "registry/bad-response" });
  });

  test("one without any declared type is read by its fields, which can only be of one kind", async () => {
    await using proxy = await serving(
      JSON.stringify({ schemaVersion: 2, config, layers: [] }),
      "application/octet-stream",
    );
    await using client = testClient();
    const resolved = await resolveManifest(client, parseReference(`${proxy.address}/x:1`), AMD64);
    expect(resolved.manifest.config.digest).toBe(config.digest);
  });

  test("other bytes than the digest in the name", async () => {
    await using proxy = await serving(JSON.stringify(manifest), MEDIA_TYPE.ociManifest);
    await using client = testClient();
    const name = `${proxy.address}/x@sha256:${"0".repeat(64)}`;
    await expect(resolveManifest(client, parseReference(name), AMD64)).rejects.toMatchObject({
      code: "registry/digest-mismatch",
    });
  });

  test("a truncated one, where the registry names its digest", async () => {
    const whole = Buffer.from(JSON.stringify(manifest));
    await using proxy = await serving(whole.subarray(0, -5), MEDIA_TYPE.ociManifest, {
      "docker-content-digest": digestOf(whole),
    });
    await using client = testClient();
    await expect(
      resolveManifest(client, parseReference(`${proxy.address}/x:1`), AMD64),
    ).rejects.toMatchObject({
      code: "registry/digest-mismatch",
    });
  });

  test("more than 4 MiB, before it is all read", async () => {
    await using proxy = await serving(Buffer.alloc(4 * 1024 * 1024 + 1, " "), MEDIA_TYPE.ociManifest);
    await using client = testClient();
    await expect(
      resolveManifest(client, parseReference(`${proxy.address}/x:1`), AMD64),
    ).rejects.toMatchObject({
      code: "registry/bad-response",
      message: expect.stringContaining("more than"),
    });
  });

  test("an index in an index in an index", async () => {
    const nested = documentOf({ ...index }, MEDIA_TYPE.ociIndex);
    await using proxy = await startFaultProxy(registry.address, ({ path }) => {
      if (!path.includes("/manifests/")) return undefined;
      const body = JSON.stringify({ ...index, manifests: [{ ...nested.descriptor, platform: AMD64 }] });
      return { type: "answer", status: 200, headers: { "content-type": MEDIA_TYPE.ociIndex }, body };
    });
    await using client = testClient();
    await expect(
      resolveManifest(client, parseReference(`${proxy.address}/x:1`), AMD64),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^registry\//),
    });
  });
});

test("a manifest whose connection breaks halfway is asked for again", async () => {
  const image = sampleImage([noise("cut", 500)], { seed: "cut" });
  await pushed("cut:1", image);
  await using proxy = await startFaultProxy(registry.address, ({ path, earlier }) =>
    path.includes("/manifests/") && earlier < 2 ? { type: "cut", afterBytes: 100 } : undefined,
  );
  await using client = testClient();
  const resolved = await resolveManifest(client, parseReference(`${proxy.address}/cut:1`), AMD64);
  expect(resolved.bytes).toEqual(image.manifest.bytes);
});
