import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import type { Digest } from "../../src/core/digest.ts";
import { BuildError } from "../../src/core/errors.ts";
import type { BuildEvent, Unstamped } from "../../src/core/events.ts";
import { parseReference } from "../../src/core/reference.ts";
import type { RegistryClient } from "../../src/registry/client.ts";
import { type BlobSink, downloadBlobs } from "../../src/registry/download.ts";
import { fetchBlob } from "../../src/registry/fetch-blob.ts";
import type { BlobSource } from "../../src/registry/pull.ts";
import { pushImage } from "../../src/registry/push.ts";
import { type Fault, type SeenRequest, startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import {
  describeBytes,
  digestOf,
  noise,
  readAll,
  recordedRetry,
  sampleImage,
  testClient,
} from "./sample-image.ts";

const KIB = 1024;
const layer = noise("a layer", 400 * KIB);
const blob = describeBytes(layer, MEDIA_TYPE.ociLayer);
const others = [noise("second", 90 * KIB), noise("third", 10 * KIB), noise("fourth", 33 * KIB)];

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
  await using client = testClient();
  await pushImage(client, parseReference(`${registry.address}/app:1`), sampleImage([layer, ...others]));
});
afterAll(() => registry.close());

/** Faults for blob requests, by how many there were before. */
function spoiling(faultFor: (request: SeenRequest) => Fault | undefined) {
  return startFaultProxy(registry.address, (request) =>
    request.method === "GET" && request.path.includes("/blobs/") ? faultFor(request) : undefined,
  );
}

function sourceAt(
  client: RegistryClient,
  address: string,
  foreign: readonly [Digest, readonly string[]][] = [],
): BlobSource {
  return {
    endpoints: client.pullEndpoints(parseReference(`${address}/app:1`)),
    foreignUrls: new Map(foreign),
  };
}

const isBlob = (path: string) => path.includes("/blobs/");

const rangesOf = (seen: readonly SeenRequest[]) =>
  seen.filter(({ path }) => path.includes("/blobs/")).map(({ headers }) => headers.range);

describe("a blob arrives whole over a bad connection", () => {
  test("one that breaks every 64 KiB is resumed where it broke", async () => {
    await using proxy = await spoiling(() => ({ type: "cut", afterBytes: 64 * KIB }));
    await using client = testClient();
    expect(digestOf(await readAll(fetchBlob(client, sourceAt(client, proxy.address), blob)))).toBe(
      digestOf(layer),
    );
    expect(rangesOf(proxy.seen).slice(0, 3)).toEqual([
      undefined,
      `bytes=${64 * KIB}-`,
      `bytes=${128 * KIB}-`,
    ]);
  });

  test("a server that ignores Range and begins anew is read past what is here", async () => {
    await using proxy = await spoiling(({ earlier }) =>
      earlier === 0 ? { type: "cut", afterBytes: 100_000 } : { type: "ignore-range" },
    );
    await using client = testClient();
    expect(digestOf(await readAll(fetchBlob(client, sourceAt(client, proxy.address), blob)))).toBe(
      digestOf(layer),
    );
  });

  test("one that stands still is given up and resumed", async () => {
    await using proxy = await spoiling(({ earlier }) =>
      earlier === 0 ? { type: "stall", afterBytes: 50_000 } : undefined,
    );
    await using client = testClient({ stallTimeoutMs: 1000 });
    expect(digestOf(await readAll(fetchBlob(client, sourceAt(client, proxy.address), blob)))).toBe(
      digestOf(layer),
    );
    expect(rangesOf(proxy.seen)).toEqual([undefined, "bytes=50000-"]);
  });

  test("one that drips is given up and resumed", async () => {
    await using proxy = await spoiling(({ earlier }) =>
      earlier === 0 ? { type: "drip", bytes: 100, everyMs: 20 } : undefined,
    );
    await using client = testClient({ stallTimeoutMs: 500 });
    expect(digestOf(await readAll(fetchBlob(client, sourceAt(client, proxy.address), blob)))).toBe(
      digestOf(layer),
    );
    expect(rangesOf(proxy.seen)).toHaveLength(2);
  });

  test("a caller that has the beginning gets the rest", async () => {
    await using client = testClient();
    const source = sourceAt(client, registry.address);
    const progress: number[] = [];
    const options = { startAt: 300 * KIB, onProgress: (done: number) => progress.push(done) };
    expect(digestOf(await readAll(fetchBlob(client, source, blob, options)))).toBe(
      digestOf(layer.subarray(300 * KIB)),
    );
    expect(progress.at(-1)).toBe(layer.length);
    expect(await readAll(fetchBlob(client, source, blob, { startAt: layer.length }))).toHaveLength(0);
  });

  test.each([
    { name: "429 with Retry-After", fault: { status: 429, headers: { "retry-after": "7" } }, waits: [7000] },
    { name: "429 without", fault: { status: 429 }, waits: [125] },
    { name: "500", fault: { status: 500 }, waits: [125] },
    { name: "503", fault: { status: 503 }, waits: [125] },
    { name: "408", fault: { status: 408 }, waits: [125] },
  ])("$name is waited for", async ({ fault, waits }) => {
    await using proxy = await spoiling(({ earlier }) =>
      earlier === 0 ? { type: "answer", ...fault } : undefined,
    );
    const retry = recordedRetry();
    await using client = testClient({ retry });
    expect(digestOf(await readAll(fetchBlob(client, sourceAt(client, proxy.address), blob)))).toBe(
      digestOf(layer),
    );
    expect(retry.waits).toEqual(waits);
  });
});

describe("what cannot be mended ends with one clear error", () => {
  test.each<{ name: string; fault: Fault; code: string; message?: RegExp }>([
    {
      name: "503 for ever",
      fault: { type: "answer", status: 503 },
      code: "registry/unreachable",
      message: /in trouble/,
    },
    { name: "404", fault: { type: "answer", status: 404 }, code: "registry/not-found" },
    {
      name: "a body that is too long",
      fault: { type: "resize", bytes: layer.length + 1 },
      code: "registry/bad-response",
    },
    {
      name: "a body that is too short",
      fault: { type: "resize", bytes: 1000 },
      code: "registry/bad-response",
      message: /wrong length/,
    },
    {
      name: "a connection that breaks at once, every time",
      fault: { type: "cut", afterBytes: 10 },
      code: "registry/unreachable",
    },
    {
      name: "a quota that is spent",
      fault: {
        type: "answer",
        status: 429,
        headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" },
      },
      code: "registry/rate-limited",
      message: /limit 100 in 6 h/,
    },
    {
      name: "a registry that asks for an hour of patience",
      fault: { type: "answer", status: 429, headers: { "retry-after": "3600" } },
      code: "registry/rate-limited",
    },
    {
      name: "another range than was asked for",
      fault: { type: "answer", status: 206, headers: { "content-range": "bytes 7-9/10" }, body: "abc" },
      code: "registry/bad-response",
    },
  ])("$name", async ({ fault, code, message = /./ }) => {
    await using proxy = await spoiling(() => fault);
    await using client = testClient();
    await expect(readAll(fetchBlob(client, sourceAt(client, proxy.address), blob))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("a server that sends nothing new for ever is not asked for ever", async () => {
    await using proxy = await spoiling(({ earlier }) => ({
      type: "cut",
      afterBytes: earlier === 0 ? 50_000 : 1,
    }));
    await using client = testClient();
    await expect(readAll(fetchBlob(client, sourceAt(client, proxy.address), blob))).rejects.toMatchObject({
      code: "registry/unreachable",
    });
    expect(rangesOf(proxy.seen).length).toBeLessThan(10);
  });

  test("a cancel ends it at once, also while waiting", async () => {
    const stop = new AbortController();
    await using proxy = await spoiling(() => ({ type: "stall", afterBytes: 1000 }));
    await using client = testClient();
    const onProgress = () => stop.abort();
    const options = { signal: stop.signal, onProgress };
    await expect(
      readAll(fetchBlob(client, sourceAt(client, proxy.address), blob, options)),
    ).rejects.toMatchObject({
      code: "cli/canceled",
    });
  });
});

describe("credentials stay where they belong", () => {
  test("a redirect to another host takes none along, and the bytes come from there", async () => {
    await using other = await startFaultProxy(registry.address, () => undefined);
    const otherHost = other.address.replace("localhost", "127.0.0.1");
    await using proxy = await startFaultProxy(registry.address, ({ headers, path }) => {
      if (headers.authorization === undefined) {
        return { type: "answer", status: 401, headers: { "www-authenticate": 'Basic realm="r"' } };
      }
      return isBlob(path)
        ? { type: "answer", status: 307, headers: { location: `http://${otherHost}${path}` } }
        : undefined;
    });
    using dir = tempDir("auth");
    const authFile = join(dir.path, "auth.json");
    writeFileSync(
      authFile,
      JSON.stringify({ auths: { [proxy.address]: { username: "user", password: "secret" } } }),
    );
    await using client = testClient({ authFile });
    const source = sourceAt(client, proxy.address);
    expect(digestOf(await readAll(fetchBlob(client, source, blob)))).toBe(digestOf(layer));
    expect(proxy.seen.filter(({ path }) => isBlob(path)).at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("addresses that a manifest names must be https, and are asked after the registry", async () => {
    await using proxy = await spoiling(() => ({ type: "answer", status: 404 }));
    await using other = await startFaultProxy(registry.address, () => undefined);
    await using client = testClient();
    const source = sourceAt(client, proxy.address, [
      [blob.digest, [`http://${other.address}/v2/app/blobs/${blob.digest}`]],
    ]);
    await expect(readAll(fetchBlob(client, source, blob))).rejects.toMatchObject({
      code: "registry/not-found",
    });
    expect(other.seen).toEqual([]);
  });

  test("a redirect in circles ends", async () => {
    await using proxy = await spoiling(({ path }) => ({
      type: "answer",
      status: 302,
      headers: { location: path },
    }));
    await using client = testClient();
    await expect(readAll(fetchBlob(client, sourceAt(client, proxy.address), blob))).rejects.toMatchObject({
      code: "registry/bad-response",
    });
  });
});

/** As a store does it: refuses bytes of another digest. */
function collector() {
  const kept = new Map<string, Buffer>();
  const sink: BlobSink = async (descriptor, bytes) => {
    const whole = await readAll(bytes);
    const digest = `sha256:${createHash("sha256").update(whole).digest("hex")}`;
    if (digest !== descriptor.digest) throw new BuildError("store/digest-mismatch", "other bytes");
    kept.set(digest, whole);
  };
  return { kept, sink };
}

describe("several blobs at once", () => {
  const blobs = [layer, ...others].map((bytes) => describeBytes(bytes, MEDIA_TYPE.ociLayer));

  test("each arrives once, and the events add up", async () => {
    await using client = testClient();
    const { kept, sink } = collector();
    const events: Unstamped<BuildEvent>[] = [];
    const has = ({ digest }: { digest: string }) => digest === blobs[3]?.digest;
    const options = { sink, has, row: "s0.1", emit: (event: Unstamped<BuildEvent>) => events.push(event) };
    await downloadBlobs(client, sourceAt(client, registry.address), [...blobs, ...blobs], options);
    expect([...kept.keys()].toSorted()).toEqual(
      blobs
        .slice(0, 3)
        .map(({ digest }) => digest)
        .toSorted(),
    );
    const last = blobs.map(({ digest, size }) => {
      const own = events.filter((event) => event.type === "transfer" && event.blob === digest);
      return [own.at(-1), size] as const;
    });
    for (const [event, size] of last)
      expect(event).toMatchObject({ row: "s0.1", doneBytes: size, totalBytes: size });
    expect(last.map(([event]) => event?.type === "transfer" && event.state)).toEqual([
      "done",
      "done",
      "done",
      "exists",
    ]);
  });

  test("damaged bytes are fetched once more from the start", async () => {
    await using proxy = await spoiling(({ path, earlier }) =>
      path.includes(blob.digest) && earlier === 0 ? { type: "corrupt" } : undefined,
    );
    await using client = testClient();
    const { kept, sink } = collector();
    await downloadBlobs(client, sourceAt(client, proxy.address), blobs, { sink });
    expect([...kept.keys()]).toContain(blob.digest);
  });

  test("bytes that stay damaged are refused, the others come to rest, nothing is kept of them", async () => {
    await using proxy = await spoiling(({ path }) =>
      path.includes(blob.digest) ? { type: "corrupt" } : undefined,
    );
    await using client = testClient();
    const { kept, sink } = collector();
    await expect(
      downloadBlobs(client, sourceAt(client, proxy.address), blobs, { sink, jobs: 1 }),
    ).rejects.toMatchObject({
      code: "registry/digest-mismatch",
      message: expect.stringContaining(blob.digest),
    });
    expect(kept.size).toBe(0);
  });

  test("a failure of the sink is the failure of the whole, and stops the rest", async () => {
    await using client = testClient();
    const full = new BuildError("store/disk-full", "no space");
    let started = 0;
    const sink: BlobSink = () => {
      started++;
      return Promise.reject(full);
    };
    await expect(
      downloadBlobs(client, sourceAt(client, registry.address), blobs, { sink, jobs: 2 }),
    ).rejects.toBe(full);
    expect(started).toBe(2);
  });
});
