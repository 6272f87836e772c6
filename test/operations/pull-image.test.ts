import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent, Unstamped } from "../../src/core/events.ts";
import { parseReference } from "../../src/core/reference.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { loadImages } from "../../src/operations/load-images.ts";
import { HOST_PLATFORM } from "../../src/operations/plan-options.ts";
import { pullImage } from "../../src/operations/pull-image.ts";
import { pushImage } from "../../src/operations/push-image.ts";
import { type Fault, type SeenRequest, startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { buildTar, file, inPieces } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const noise = (seed: string, bytes: number) =>
  createHash("shake256", { outputLength: bytes }).update(seed).digest();
const sha256 = (bytes: Buffer | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const signal = new AbortController().signal;
const work = tempDir("pull");
let registry: TestRegistry;
let id = "";

// The third layer is the first one again: old images have such.
const shared = buildTar(file("shared", noise("shared", 300_000)));
const layers = [shared, buildTar(file("big", noise("big", 3_000_000))), shared, buildTar(file("top", "x"))];

beforeAll(async () => {
  registry = await startRegistry();
  await using engine = await createEngine({ home: join(work.path, "source") });
  const name = `${registry.address}/team/app:1`;
  const source = inPieces(archiveOf(name, layers));
  const [loaded] = await loadImages({ source, signal }, engine.shop);
  id = loaded?.id ?? "";
  await pushImage(name, { shop: engine.shop, emit: () => undefined, signal });
});
afterAll(async () => {
  await registry.close();
  work[Symbol.dispose]();
});

function archiveOf(name: string, tars: readonly Buffer[]): Buffer {
  const { os, architecture } = HOST_PLATFORM;
  const rootfs = { type: "layers", diff_ids: tars.map(sha256) };
  const config = JSON.stringify({ os, architecture, config: { Cmd: ["/top"] }, rootfs, history: [] });
  const entry = { Config: "config.json", RepoTags: [name], Layers: tars.map((_, i) => `${i}.tar`) };
  return buildTar(
    ...tars.map((tar, i) => file(`${i}.tar`, tar)),
    file("config.json", config),
    file("manifest.json", JSON.stringify([entry])),
  );
}

type Transfer = Extract<Unstamped<BuildEvent>, { type: "transfer" }>;

async function pull(engine: Engine, address: string, options: { signal?: AbortSignal; name?: string } = {}) {
  const transfers: Transfer[] = [];
  const pulled = await pullImage(parseReference(`${address}/${options.name ?? "team/app:1"}`), {
    shop: engine.shop,
    signal: options.signal ?? signal,
    platform: HOST_PLATFORM,
    emit: (event) => void (event.type === "transfer" && transfers.push(event)),
  });
  return { ...pulled, states: new Set(transfers.map(({ state }) => state)), transfers };
}

const newEngine = () =>
  createEngine({ home: join(work.path, `store-${Math.random().toString(36).slice(2)}`) });

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "no error",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );
}

describe("pull", () => {
  test("gives the image that was pushed, with every layer where it belongs; again it fetches nothing", async () => {
    await using engine = await newEngine();
    const first = await pull(engine, registry.address);
    expect(first).toMatchObject({ id, isNew: true });
    expect([...first.states].toSorted()).toEqual(["done", "running", "waiting"]);
    const again = await pull(engine, registry.address);
    expect(again).toMatchObject({ id, isNew: false, digest: first.digest });
    expect([...again.states]).toEqual(["exists"]);
    expect(await engine.shop.store.verify()).toEqual([]);
  });

  test("by digest names nothing, and is found by that digest", async () => {
    await using engine = await newEngine();
    const { digest } = await pull(engine, registry.address);
    const other = await newEngine();
    await using _ = other;
    const name = `team/app@${digest}`;
    expect(await pull(other, registry.address, { name })).toMatchObject({ id, digest, isNew: true });
    expect(await pull(other, registry.address, { name })).toMatchObject({ isNew: false });
    const image = other.shop.store.images.resolve(`${registry.address}/${name}`);
    expect(image).toMatchObject({ id, names: [] });
  });

  test("fetches no layer that another image has", async () => {
    await using engine = await newEngine();
    await using source = await createEngine({ home: join(work.path, "source") });
    const name = `${registry.address}/team/base:1`;
    await loadImages({ source: inPieces(archiveOf(name, [shared])), signal }, source.shop);
    await pushImage(name, { shop: source.shop, emit: () => undefined, signal });
    const base = await pull(engine, registry.address, { name: "team/base:1" });
    const { transfers, id: pulled } = await pull(engine, registry.address);
    expect(pulled).toBe(id);
    const fetched = base.transfers.map(({ blob }) => blob);
    const again = transfers.filter(({ blob }) => fetched.includes(blob));
    expect(new Set(again.map(({ state }) => state))).toEqual(new Set(["exists"]));
    expect(new Set(transfers.map(({ blob }) => blob)).size).toBe(3);
    expect(await engine.shop.store.verify()).toEqual([]);
  });

  test("of an index takes this machine's image and goes by the index's digest", async () => {
    await using engine = await newEngine();
    const { digest } = await pull(engine, registry.address);
    const manifest = engine.shop.store.blobs.readWhole(digest) ?? Buffer.alloc(0);
    const entry = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: manifest.length };
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...entry, platform: HOST_PLATFORM }],
    });
    const put = await fetch(`http://${registry.address}/v2/team/app/manifests/many`, {
      method: "PUT",
      headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
      body: index,
    });
    expect(put.status).toBe(201);
    expect(await pull(engine, registry.address, { name: "team/app:many" })).toMatchObject({
      id,
      digest: sha256(index),
    });
    expect(await pull(engine, registry.address, { name: "team/app:many" })).toMatchObject({ isNew: false });
  });
});

const isBigBlob = (size: number) => size > 1_000_000;
/** Of the one large layer, whose compressed bytes are nearly as many. */
let bigPath = "";
beforeAll(async () => {
  await using engine = await newEngine();
  const { transfers } = await pull(engine, registry.address);
  const big = transfers.find(({ totalBytes }) => isBigBlob(totalBytes));
  bigPath = `/v2/team/app/blobs/${big?.blob}`;
});
const onBig =
  (fault: Fault, times = 1) =>
  (request: SeenRequest) =>
    request.method === "GET" && request.path === bigPath && request.earlier < times ? fault : undefined;

describe("pull over a line that fails", () => {
  test.each<{ name: string; fault: Fault }>([
    { name: "a connection that breaks is resumed", fault: { type: "cut", afterBytes: 1_000_000 } },
    { name: "a layer with a wrong byte is fetched again", fault: { type: "corrupt" } },
  ])("$name", async ({ fault }) => {
    await using proxy = await startFaultProxy(registry.address, onBig(fault));
    await using engine = await newEngine();
    const pulled = await pull(engine, proxy.address);
    expect(pulled.id).toBe(id);
    expect(proxy.seen.filter(({ path }) => path === bigPath)).toHaveLength(2);
    expect(await engine.shop.store.verify()).toEqual([]);
  });

  test.each<{ name: string; fault: Fault; code: string }>([
    { name: "a layer that stays damaged", fault: { type: "corrupt" }, code: "registry/digest-mismatch" },
    {
      name: "a layer that the registry lost",
      fault: { type: "answer", status: 404 },
      code: "registry/not-found",
    },
  ])("$name ends the pull without an image; the next one gets it", async ({ fault, code }) => {
    await using engine = await newEngine();
    {
      await using proxy = await startFaultProxy(registry.address, onBig(fault, Number.POSITIVE_INFINITY));
      expect(await codeOf(pull(engine, proxy.address))).toBe(code);
    }
    expect(engine.shop.store.images.list()).toEqual([]);
    expect(await engine.shop.store.verify()).toEqual([]);
    expect((await pull(engine, registry.address)).id).toBe(id);
  });

  test("canceled halfway it leaves nothing torn, and the next pull goes on", async () => {
    await using engine = await newEngine();
    {
      await using proxy = await startFaultProxy(
        registry.address,
        onBig({ type: "stall", afterBytes: 500_000 }),
      );
      const controller = new AbortController();
      const pulling = pullImage(parseReference(`${proxy.address}/team/app:1`), {
        shop: engine.shop,
        signal: controller.signal,
        platform: HOST_PLATFORM,
        emit: (event) => {
          if (event.type === "transfer" && isBigBlob(event.totalBytes) && event.doneBytes > 0)
            controller.abort();
        },
      });
      expect(await codeOf(pulling)).toBe("cli/canceled");
    }
    expect(engine.shop.store.images.list()).toEqual([]);
    expect(await engine.shop.store.verify()).toEqual([]);
    expect((await pull(engine, registry.address)).id).toBe(id);
  });
});

test("push sends nothing that is there, and mounts what a neighbour has", async () => {
  await using engine = await newEngine();
  const pulled = await pull(engine, registry.address);
  const { store } = engine.shop;
  const states: string[] = [];
  const how = {
    shop: engine.shop,
    signal,
    emit: (event: Unstamped<BuildEvent>) => void (event.type === "transfer" && states.push(event.state)),
  };
  const again = await pushImage(`${registry.address}/team/app:1`, how);
  expect(new Set(states)).toEqual(new Set(["waiting", "exists"]));
  store.images.tag(`${registry.address}/team/copy:2`, pulled.id);
  states.length = 0;
  const copy = await pushImage(`${registry.address}/team/copy:2`, how);
  expect(copy.digest).toBe(again.digest);
  expect(new Set(states)).toEqual(new Set(["waiting", "exists"]));
});
