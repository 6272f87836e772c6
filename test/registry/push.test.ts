import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent, Unstamped } from "../../src/core/events.ts";
import { parseReference } from "../../src/core/reference.ts";
import { resolveManifest } from "../../src/registry/pull.ts";
import { pushImage } from "../../src/registry/push.ts";
import { listTags } from "../../src/registry/tags.ts";
import { type Fault, startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { AMD64, chunksOf, digestOf, noise, sampleImage, testClient } from "./sample-image.ts";

const MIB = 1024 * 1024;
const large = noise("large", 6 * MIB);

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.close());

/** Copies the image out with skopeo, which checks every digest. */
function pullWithSkopeo(name: string): string {
  using dir = tempDir("skopeo");
  const policy = join(dir.path, "policy.json");
  writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
  const source = `docker://${registry.address}/${name}`;
  execFileSync("skopeo", [
    "--policy",
    policy,
    "copy",
    "--quiet",
    "--src-tls-verify=false",
    source,
    `dir:${dir.path}/out`,
  ]);
  return execFileSync("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", source])
    .toString()
    .trim();
}

/** The image, and where its layer was read from. */
function watched(seed: string) {
  const image = sampleImage([large], { seed });
  const starts: number[] = [];
  const blobs = image.blobs.map((blob, index) => ({
    descriptor: blob.descriptor,
    open: (startAt: number) => {
      if (index === 1) starts.push(startAt);
      return blob.open(startAt);
    },
  }));
  return { image: { ...image, blobs }, starts };
}

describe("what is pushed is there, as another tool sees it", () => {
  test.each([
    { name: "a small layer in one request", layers: [noise("small", 1000)], chunkBytes: undefined },
    { name: "a large layer", layers: [large], chunkBytes: undefined },
    { name: "a large layer in pieces", layers: [large], chunkBytes: 1_000_000 },
    { name: "no layer at all", layers: [], chunkBytes: undefined },
  ])("$name", async ({ name, layers, chunkBytes }) => {
    const image = sampleImage(layers, { seed: name });
    const repository = `pushed/${name.replaceAll(/\W+/g, "-")}`;
    await using client = testClient();
    const digest = await pushImage(client, parseReference(`${registry.address}/${repository}:1`), image, {
      chunkBytes,
    });
    expect(digest).toBe(image.manifest.descriptor.digest);
    expect(pullWithSkopeo(`${repository}:1`)).toBe(digest);
  });

  test("a second push transfers nothing", async () => {
    const image = sampleImage([noise("again", 5000)], { seed: "again" });
    await using proxy = await startFaultProxy(registry.address, () => undefined);
    await using client = testClient();
    const reference = parseReference(`${proxy.address}/again:1`);
    await pushImage(client, reference, image);
    const before = proxy.seen.length;
    const events: Unstamped<BuildEvent>[] = [];
    await pushImage(client, reference, image, { emit: (event) => events.push(event) });
    expect(
      proxy.seen
        .slice(before)
        .map(({ method }) => method)
        .toSorted(),
    ).toEqual(["HEAD", "HEAD", "PUT"]);
    const states = events.map((event) => (event.type === "transfer" ? event.state : event.type));
    expect(states).toEqual(["waiting", "waiting", "exists", "exists"]);
  });

  test("a layer that a neighbour has is mounted", async () => {
    const layers = [noise("shared", 100_000)];
    await using proxy = await startFaultProxy(registry.address, () => undefined);
    await using client = testClient();
    await pushImage(client, parseReference(`${proxy.address}/neighbour:1`), sampleImage(layers));
    const image = sampleImage(layers, { seed: "other" });
    const blobs = image.blobs.map((blob) => ({ ...blob, mountFrom: ["neighbour"] }));
    const before = proxy.seen.length;
    await pushImage(client, parseReference(`${proxy.address}/mounting:1`), { ...image, blobs });
    const uploads = proxy.seen
      .slice(before)
      .filter(({ method, path }) => method === "PUT" && path.includes("/blobs/"));
    // The config is another one; the layer came over without its bytes.
    expect(uploads.map(({ headers }) => headers["content-length"])).toEqual([
      String(image.blobs[0]?.descriptor.size),
    ]);
    expect(pullWithSkopeo("mounting:1")).toBe(image.manifest.descriptor.digest);
  });
});

describe("a push over a bad connection", () => {
  test.each<{ name: string; method: string; fault: Fault }>([
    {
      name: "cut in the middle of a large layer",
      method: "PATCH",
      fault: { type: "cut-upload", afterBytes: 2 * MIB },
    },
    { name: "cut at once", method: "PATCH", fault: { type: "cut-upload", afterBytes: 1 } },
    { name: "503 to a layer", method: "PATCH", fault: { type: "answer", status: 503 } },
    { name: "an upload that the registry forgot", method: "PATCH", fault: { type: "answer", status: 404 } },
    { name: "503 to the end of a layer", method: "PUT", fault: { type: "answer", status: 503 } },
    { name: "500 to the begin of one", method: "POST", fault: { type: "answer", status: 500 } },
  ])("$name", async ({ name, method, fault }) => {
    let isDue = true;
    await using proxy = await startFaultProxy(registry.address, (request) => {
      if (!isDue || request.method !== method) return undefined;
      isDue = false;
      return fault;
    });
    const image = sampleImage([Buffer.concat([large, Buffer.from(name)])], { seed: name });
    await using client = testClient();
    const repository = `bad/${name.replaceAll(/\W+/g, "-")}`;
    await pushImage(client, parseReference(`${proxy.address}/${repository}:1`), image);
    expect(isDue).toBe(false);
    expect(pullWithSkopeo(`${repository}:1`)).toBe(image.manifest.descriptor.digest);
  });

  test("an upload in pieces goes on at the piece that failed", async () => {
    const { image, starts } = watched("pieces");
    await using proxy = await startFaultProxy(registry.address, ({ method, headers }) =>
      method === "PATCH" && headers["content-range"]?.startsWith("2000000-") === true && starts.length === 3
        ? { type: "answer", status: 503 }
        : undefined,
    );
    await using client = testClient();
    await pushImage(client, parseReference(`${proxy.address}/pieces:1`), image, { chunkBytes: 1_000_000 });
    expect(starts).toEqual([0, 1_000_000, 2_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000, 6_000_000]);
    expect(pullWithSkopeo("pieces:1")).toBe(image.manifest.descriptor.digest);
  });

  test("a registry that kept the beginning of a cut upload gets the rest", async () => {
    // docker-registry 2.8 itself gives up an upload that was cut, so here the proxy plays a better one.
    const { image, starts } = watched("kept");
    const upload = { location: "/v2/kept/blobs/uploads/1" };
    await using proxy = await startFaultProxy(registry.address, ({ method, path, headers }) => {
      if (method === "POST") return { type: "answer", status: 202, headers: upload };
      if (method === "GET" && path.includes("uploads")) {
        return { type: "answer", status: 204, headers: { ...upload, range: "0-3999999" } };
      }
      if (method !== "PATCH") return method === "PUT" ? { type: "answer", status: 201 } : undefined;
      const isRest = headers["content-range"] === `4000000-${large.length - 1}`;
      return isRest
        ? { type: "answer", status: 202, headers: upload }
        : { type: "cut-upload", afterBytes: 4 * MIB };
    });
    await using client = testClient();
    await pushImage(client, parseReference(`${proxy.address}/kept:1`), image);
    expect(starts).toEqual([0, 4_000_000]);
  });

  test("a registry that refuses says so, and the manifest is never put", async () => {
    await using proxy = await startFaultProxy(registry.address, ({ method }) =>
      method === "POST"
        ? {
            type: "answer",
            status: 403,
            body: JSON.stringify({ errors: [{ code: "DENIED", message: "no\u001b[31mway" }] }),
          }
        : undefined,
    );
    await using client = testClient();
    const image = sampleImage([noise("denied", 10)]);
    await expect(pushImage(client, parseReference(`${proxy.address}/denied:1`), image)).rejects.toMatchObject(
      {
        code: "registry/denied",
        message: expect.stringContaining("no [31mway"),
      },
    );
    expect(proxy.seen.filter(({ path }) => path.includes("/manifests/"))).toEqual([]);
  });

  test("bytes that are not what their descriptor says are refused by the registry", async () => {
    const image = sampleImage([noise("right", 1000)], { seed: "wrong" });
    const blobs = image.blobs.map(({ descriptor }) => ({
      descriptor,
      open: () => chunksOf(noise("wrong", descriptor.size)),
    }));
    await using client = testClient();
    const failed = pushImage(client, parseReference(`${registry.address}/wrong:1`), { ...image, blobs });
    await expect(failed).rejects.toMatchObject({ code: "registry/bad-response" });
  });
});

test("tags are listed over all pages", async () => {
  const image = sampleImage([], { seed: "tags" });
  await using client = testClient();
  const tags = Array.from({ length: 7 }, (_, index) => `v${index}`);
  for (const tag of tags) await pushImage(client, parseReference(`${registry.address}/tags:${tag}`), image);
  await using proxy = await startFaultProxy(registry.address, ({ path }) => {
    // A registry that gives two at a time, whatever it is asked for.
    const url = new URL(path, "http://x");
    if (!url.pathname.endsWith("/tags/list")) return undefined;
    const from = tags.indexOf(url.searchParams.get("last") ?? "") + 1;
    const page = tags.slice(from, from + 2);
    const next =
      from + 2 < tags.length ? { link: `</v2/tags/tags/list?n=2&last=${page.at(-1)}>; rel="next"` } : {};
    return { type: "answer", status: 200, headers: next, body: JSON.stringify({ name: "tags", tags: page }) };
  });
  const listed = await listTags(client, parseReference(`${registry.address}/tags`));
  expect(listed.toSorted()).toEqual(tags);
  expect(await listTags(client, parseReference(`${proxy.address}/tags`))).toEqual(tags);
});

test("an image that skopeo pushed is pulled", async () => {
  const image = sampleImage([noise("skopeo", 2000)], { seed: "skopeo" });
  await using client = testClient();
  await pushImage(client, parseReference(`${registry.address}/from:1`), image);
  using dir = tempDir("skopeo");
  const policy = join(dir.path, "policy.json");
  writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
  const [from, to] = [`docker://${registry.address}/from:1`, `docker://${registry.address}/to:1`];
  const flags = ["--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "--format", "v2s2"];
  execFileSync("skopeo", ["--policy", policy, "copy", ...flags, from, to]);
  const resolved = await resolveManifest(client, parseReference(`${registry.address}/to:1`), AMD64);
  expect(resolved.manifest.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
  expect(digestOf(resolved.bytes)).toBe(resolved.digest);
});
