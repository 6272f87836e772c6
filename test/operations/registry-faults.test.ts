import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBuildError } from "../../src/core/errors.ts";
import { parseReference } from "../../src/core/reference.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { importImage } from "../../src/operations/import-image.ts";
import { HOST_PLATFORM } from "../../src/operations/plan-options.ts";
import { pullImage } from "../../src/operations/pull-image.ts";
import { pushImage } from "../../src/operations/push-image.ts";
import { type Fault, type SeenRequest, startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { buildTar, file, inPieces } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/**
 * What a client has to live through (OCI distribution-spec; and what networks do), over a real registry and a real store: no
 * fault leaves a wrong or torn image, and those that pass end in success.
 */
const signal = new AbortController().signal;
const work = tempDir("faults");
const noise = createHash("shake256", { outputLength: 1_000_000 }).update("layer").digest();
const INDEX = "application/vnd.oci.image.index.v1+json";
let registry: TestRegistry;
let source: Engine;
let id = "";
let name = "";

beforeAll(async () => {
  registry = await startRegistry();
  source = await createEngine({ home: join(work.path, "source") });
  name = `${registry.address}/app:1`;
  const bytes = buildTar(file("noise", noise));
  const imported = await importImage(
    { source: inPieces(bytes), tags: [name], changes: [], signal },
    source.shop,
  );
  id = imported.id;
  await pushImage(name, how(source));
});
afterAll(async () => {
  await registry.close();
  await source[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

function how(engine: Engine, more: { readonly authFile?: string } = {}) {
  return { shop: engine.shop, emit: () => undefined, signal, ...more };
}

const newEngine = () =>
  createEngine({ home: join(work.path, `store-${Math.random().toString(36).slice(2)}`) });
const pull = (engine: Engine, address: string, more: { readonly authFile?: string } = {}) =>
  pullImage(parseReference(`${address}/app:1`), { ...how(engine, more), platform: HOST_PLATFORM });

const isManifest = ({ method, path }: SeenRequest) => method === "GET" && path.includes("/manifests/");
const isBlob = ({ method, path }: SeenRequest) => method === "GET" && path.includes("/blobs/");
const once = (is: (request: SeenRequest) => boolean, fault: Fault) => (request: SeenRequest) =>
  is(request) && request.earlier === 0 ? fault : undefined;
/** For requests whose addresses are never the same: the first one of all. */
function first(is: (request: SeenRequest) => boolean, fault: Fault) {
  let left = 1;
  return (request: SeenRequest) => (is(request) && left-- > 0 ? fault : undefined);
}
const always = (is: (request: SeenRequest) => boolean, fault: Fault) => (request: SeenRequest) =>
  is(request) ? fault : undefined;
const answer = (status: number, headers: Record<string, string> = {}): Fault => ({
  type: "answer",
  status,
  headers,
});

describe("a pull lives through", () => {
  test.each<{ name: string; fault: (request: SeenRequest) => Fault | undefined }>([
    {
      name: "a connection that is cut at every 64 KiB",
      fault: always(isBlob, { type: "cut", afterBytes: 64 * 1024 }),
    },
    { name: "a manifest that is cut", fault: once(isManifest, { type: "cut", afterBytes: 20 }) },
    { name: "429 to the manifest", fault: once(isManifest, answer(429, { "retry-after": "0" })) },
    { name: "429 to a layer", fault: once(isBlob, answer(429, { "retry-after": "0" })) },
    { name: "500 to the manifest", fault: once(isManifest, answer(500)) },
    { name: "500 to a layer", fault: once(isBlob, answer(500)) },
    { name: "503 to the manifest", fault: once(isManifest, answer(503)) },
    { name: "503 to a layer", fault: once(isBlob, answer(503)) },
    {
      name: "a wrong byte in a layer",
      fault: (request) =>
        isBlob(request) && request.earlier === 0 && request.path.endsWith(layerDigest)
          ? { type: "corrupt" }
          : undefined,
    },
    { name: "a layer that ends early", fault: once(isBlob, { type: "resize", bytes: 100 }) },
    {
      name: "a server that ignores Range",
      fault: (request) =>
        isBlob(request)
          ? request.earlier === 0
            ? { type: "cut", afterBytes: 300_000 }
            : { type: "ignore-range" }
          : undefined,
    },
  ])("$name", async ({ fault }) => {
    await using proxy = await startFaultProxy(registry.address, fault);
    await using engine = await newEngine();
    expect((await pull(engine, proxy.address)).id).toBe(id);
    expect(await engine.shop.store.verify()).toEqual([]);
  });

  test("a redirect to another host, which gets no credentials", async () => {
    await using elsewhere = await startFaultProxy(registry.address, () => undefined);
    await using proxy = await startFaultProxy(registry.address, (request) => {
      if (request.path !== "/v2/" && request.headers.authorization === undefined)
        return answer(401, { "www-authenticate": 'Basic realm="x"' });
      return isBlob(request)
        ? answer(307, { location: `http://${elsewhere.address}${request.path}` })
        : undefined;
    });
    const authFile = join(work.path, "auth.json");
    const entry = { username: "ali", password: "open sesame" };
    writeFileSync(
      authFile,
      JSON.stringify({ auths: { [proxy.address]: entry, [elsewhere.address]: entry } }),
    );
    await using engine = await newEngine();
    expect((await pull(engine, proxy.address, { authFile })).id).toBe(id);
    expect(proxy.seen.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
    expect(elsewhere.seen.length).toBeGreaterThan(0);
    expect(elsewhere.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});

let layerDigest = "";
beforeAll(() => {
  const image = source.shop.store.images.get(parseId(id));
  const pushed = image?.manifests.map(
    ({ digest }) =>
      JSON.parse(source.shop.store.blobs.readWhole(digest)?.toString() ?? "{}") as {
        layers?: { mediaType: string; digest: string }[];
      },
  );
  layerDigest =
    pushed?.flatMap(({ layers = [] }) => layers).find(({ mediaType }) => mediaType.endsWith("gzip"))
      ?.digest ?? "";
});

function parseId(text: string) {
  const image = source.shop.store.images.list().find((one) => one.id === text);
  if (image === undefined) throw new Error("no image");
  return image.id;
}

describe("a pull ends with one clear error, and leaves no image, where", () => {
  test.each<{
    name: string;
    fault: (request: SeenRequest) => Fault | undefined;
    code: string;
    says?: RegExp;
  }>([
    {
      name: "the registry wants an hour of rest",
      fault: always(isManifest, answer(429, { "retry-after": "3600" })),
      code: "registry/rate-limited",
      says: /3600 s/,
    },
    {
      name: "the registry stays in trouble",
      fault: always(isManifest, answer(503, { "retry-after": "0" })),
      code: "registry/unreachable",
      says: /503/,
    },
    {
      name: "a layer stays wrong",
      fault: always(isBlob, { type: "corrupt" }),
      code: "registry/digest-mismatch",
    },
    {
      name: "a layer is longer than its descriptor says",
      fault: always(isBlob, { type: "resize", bytes: 5_000_000 }),
      code: "registry/bad-response",
    },
    {
      name: "a layer stays too short",
      fault: always(isBlob, { type: "resize", bytes: 100 }),
      code: "registry/bad-response",
    },
    {
      name: "the manifest is truncated",
      fault: always(isManifest, { type: "resize", bytes: 150 }),
      code: "registry/digest-mismatch",
    },
    {
      name: "the manifest calls itself another kind",
      fault: always(isManifest, { type: "headers", set: { "content-type": INDEX } }),
      code: "registry/bad-response",
    },
    {
      name: "the token server would be asked in the clear, far away",
      fault: always(
        isManifest,
        answer(401, { "www-authenticate": 'Bearer realm="http://tokens.example.com/t",service="x"' }),
      ),
      code: "registry/bad-response",
      says: /without https/,
    },
  ])("$name", async ({ fault, code, says = /./ }) => {
    await using engine = await newEngine();
    {
      await using proxy = await startFaultProxy(registry.address, fault);
      const error: unknown = await pull(engine, proxy.address).catch((thrown: unknown) => thrown);
      if (!isBuildError(error)) throw new Error("it went through, or failed otherwise", { cause: error });
      expect(error.code).toBe(code);
      expect(`${error.message} ${error.details.hint ?? ""}`).toMatch(says);
    }
    expect(engine.shop.store.images.list()).toEqual([]);
    expect(await engine.shop.store.verify()).toEqual([]);
    expect((await pull(engine, registry.address)).id).toBe(id);
  });
});

const is = (method: string, part: string) => (request: SeenRequest) =>
  request.method === method && request.path.includes(part);

describe("a push lives through", () => {
  test.each<{ name: string; fault: (request: SeenRequest) => Fault | undefined }>([
    { name: "500 to the begin of an upload", fault: first(is("POST", "/uploads/"), answer(500)) },
    {
      name: "503 to a layer",
      fault: first(is("PUT", "/uploads/"), answer(503, { "retry-after": "0" })),
    },
    {
      name: "a cut in the middle of a layer",
      fault: first(is("PUT", "/uploads/"), { type: "cut-upload", afterBytes: 400_000 }),
    },
    {
      name: "429 to the manifest",
      fault: first(is("PUT", "/manifests/"), answer(429, { "retry-after": "0" })),
    },
    {
      name: "a lost answer to the manifest",
      fault: first(is("PUT", "/manifests/"), { type: "cut", afterBytes: 0 }),
    },
  ])("$name", async ({ fault }) => {
    await using proxy = await startFaultProxy(registry.address, fault);
    const repository = `pushed-${Math.random().toString(36).slice(2)}`;
    const target = `${proxy.address}/${repository}:1`;
    source.shop.store.images.tag(target, parseId(id));
    await pushImage(target, how(source));
    await using engine = await newEngine();
    const reference = parseReference(`${registry.address}/${repository}:1`);
    expect((await pullImage(reference, { ...how(engine), platform: HOST_PLATFORM })).id).toBe(id);
  });
});
