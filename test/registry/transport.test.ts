import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../src/core/reference.ts";
import { NO_REGISTRY_CONFIG, readRegistryConfig } from "../../src/registry/config-files.ts";
import { fetchBlob } from "../../src/registry/fetch-blob.ts";
import { proxyOf } from "../../src/registry/proxy.ts";
import { resolveManifest } from "../../src/registry/pull.ts";
import { pushImage } from "../../src/registry/push.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry } from "../helpers/registry.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import {
  AMD64,
  describeBytes,
  digestOf,
  noise,
  readAll,
  recordedRetry,
  sampleImage,
  testClient,
} from "./sample-image.ts";

const image = sampleImage([noise("transport", 3000)], { seed: "transport" });
const digest = image.manifest.descriptor.digest;

describe("a registry with TLS", () => {
  test("is trusted by the certificate that was put there for it, and only by that", async () => {
    using dir = tempDir("tls");
    const certificate = makeCertificate(dir.path);
    await using registry = await startRegistry({ tls: certificate });
    const reference = parseReference(`${registry.address}/secure:1`);
    const configWith = (ca: string) => {
      const folder = join(dir.path, "etc/docker/certs.d", registry.address);
      mkdirSync(folder, { recursive: true });
      copyFileSync(ca, join(folder, "ca.crt"));
      return readRegistryConfig({ env: {}, home: dir.path, etc: join(dir.path, "etc") });
    };
    await using trusting = testClient({ config: configWith(certificate.ca) });
    expect(await pushImage(trusting, reference, image)).toBe(digest);

    using other = tempDir("tls-other");
    const retry = recordedRetry();
    await using misled = testClient({ config: configWith(makeCertificate(other.path).ca), retry });
    await expect(resolveManifest(misled, reference, AMD64)).rejects.toMatchObject({
      code: "registry/tls",
      details: { hint: expect.stringContaining(`certs.d/${registry.address}`) },
    });
    // A certificate does not get better by asking again.
    expect(retry.waits).toEqual([]);

    // On this machine nobody else is asked for: without a certificate of its own it is found to speak TLS, and taken as it is.
    await using lenient = testClient();
    expect((await resolveManifest(lenient, reference, AMD64)).digest).toBe(digest);
  });
});

test("a registry that asks for a client certificate gets the one that was put there for it", async () => {
  using dir = tempDir("client-tls");
  const { ca, certificate, key } = makeCertificate(dir.path);
  await using registry = await startRegistry({ tls: { certificate, key, clientcas: [ca] } });
  const reference = parseReference(`${registry.address}/secure:1`);
  const config = () => readRegistryConfig({ env: {}, home: dir.path, etc: join(dir.path, "etc") });
  const folder = join(dir.path, ".config/containers/certs.d", registry.address);
  mkdirSync(folder, { recursive: true });
  copyFileSync(ca, join(folder, "ca.crt"));
  await using stranger = testClient({ config: config() });
  await expect(pushImage(stranger, reference, image)).rejects.toMatchObject({
    code: expect.stringMatching(/^registry\/(tls|unreachable)$/),
  });

  copyFileSync(certificate, join(folder, "me.cert"));
  copyFileSync(key, join(folder, "me.key"));
  await using known = testClient({ config: config() });
  expect(await pushImage(known, reference, image)).toBe(digest);
});

describe("mirrors", () => {
  test("are asked first; where one has nothing, or lies, the next one serves", async () => {
    await using registry = await startRegistry();
    await using client = testClient();
    await pushImage(client, parseReference(`${registry.address}/app:1`), image);
    await using empty = await startFaultProxy("localhost:1", () => ({ type: "answer", status: 404 }));
    await using lying = await startFaultProxy(registry.address, ({ path }) =>
      path.includes("/manifests/")
        ? { type: "headers", set: { "docker-content-digest": `sha256:${"0".repeat(64)}` } }
        : undefined,
    );
    const notes: string[] = [];
    const mirrors = [empty, lying].map(
      ({ address }) => ({ location: address, insecure: false, pulls: "all" }) as const,
    );
    const rule = {
      prefix: registry.address,
      location: undefined,
      insecure: false,
      blocked: false,
      mirrors,
      file: "f",
    };
    await using mirrored = testClient({
      config: { ...NO_REGISTRY_CONFIG, rules: [rule] },
      onNote: (text) => notes.push(text),
    });
    const resolved = await resolveManifest(mirrored, parseReference(`${registry.address}/app:1`), AMD64);
    expect(resolved.digest).toBe(digest);
    expect(resolved.source.endpoints.map(({ host }) => host)).toEqual([registry.address]);
    expect(notes).toEqual([
      expect.stringContaining(`mirror ${empty.address}`),
      expect.stringContaining(`mirror ${lying.address}`),
    ]);
  });
});

/** A forward proxy that sends every host to one place, and notes what it was asked for. */
async function startForwardProxy(target: string) {
  const asked: string[] = [];
  const [host, port] = target.split(":");
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const upstream = connect(Number(port), host, () => {
      const { pathname } = new URL(request.url ?? "");
      upstream.end(
        `${request.method} ${pathname} HTTP/1.0\r\nhost: ${request.headers.host}\r\naccept: ${request.headers.accept}\r\n\r\n`,
      );
    });
    upstream.pipe(response.socket!);
  });
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    asked.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://ali:sesame@127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

describe("a proxy of the environment", () => {
  test("is asked by CONNECT for https", async () => {
    using dir = tempDir("proxy");
    await using registry = await startRegistry({ tls: makeCertificate(dir.path) });
    await using direct = testClient();
    await pushImage(direct, parseReference(`${registry.address}/app:1`), image);
    await using proxy = await startForwardProxy(registry.address);
    const config = { ...NO_REGISTRY_CONFIG, insecure: ["registry.test:443", "registry.test"] };
    await using client = testClient({ env: { https_proxy: proxy.url }, config });
    expect((await resolveManifest(client, parseReference("registry.test/app:1"), AMD64)).digest).toBe(digest);
    expect(proxy.asked[0]).toBe(
      `CONNECT registry.test:443 Basic ${Buffer.from("ali:sesame").toString("base64")}`,
    );
  });

  test("is given the whole address for http", async () => {
    await using registry = await startRegistry();
    await using direct = testClient();
    await pushImage(direct, parseReference(`${registry.address}/app:1`), image);
    await using proxy = await startForwardProxy(registry.address);
    const config = { ...NO_REGISTRY_CONFIG, insecure: ["registry.test"] };
    await using client = testClient({ env: { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url }, config });
    expect((await resolveManifest(client, parseReference("registry.test/app:1"), AMD64)).digest).toBe(digest);
    expect(proxy.asked).toContain("GET http://registry.test/v2/app/manifests/1");
  });

  test.each<{ name: string; url: string; env: Record<string, string>; expected: string | undefined }>([
    { name: "none", url: "https://example.com", env: {}, expected: undefined },
    { name: "by scheme", url: "https://example.com", env: { HTTP_PROXY: "http://a:1" }, expected: undefined },
    {
      name: "lower case",
      url: "http://example.com",
      env: { http_proxy: "http://a:1" },
      expected: "http://a:1/",
    },
    {
      name: "without a scheme",
      url: "http://example.com",
      env: { http_proxy: "a:1" },
      expected: "http://a:1/",
    },
    {
      name: "never for this machine",
      url: "http://localhost:5000",
      env: { http_proxy: "http://a:1" },
      expected: undefined,
    },
    {
      name: "not for listed names",
      url: "http://example.com",
      env: { http_proxy: "http://a:1", NO_PROXY: "x, example.com" },
      expected: undefined,
    },
    {
      name: "nor their subdomains",
      url: "http://b.example.com",
      env: { http_proxy: "http://a:1", NO_PROXY: "example.com" },
      expected: undefined,
    },
    {
      name: "but for names that end alike",
      url: "http://bexample.com",
      env: { http_proxy: "http://a:1", NO_PROXY: "example.com" },
      expected: "http://a:1/",
    },
    {
      name: "a dot means subdomains only",
      url: "http://example.com",
      env: { http_proxy: "http://a:1", NO_PROXY: ".example.com" },
      expected: "http://a:1/",
    },
    {
      name: "not for a listed port",
      url: "http://example.com:5000",
      env: { http_proxy: "http://a:1", NO_PROXY: "example.com:5000" },
      expected: undefined,
    },
    {
      name: "but for another one",
      url: "http://example.com:5001",
      env: { http_proxy: "http://a:1", NO_PROXY: "example.com:5000" },
      expected: "http://a:1/",
    },
    {
      name: "not for a listed range",
      url: "http://10.2.3.4",
      env: { http_proxy: "http://a:1", NO_PROXY: "10.0.0.0/8" },
      expected: undefined,
    },
    {
      name: "for nothing",
      url: "http://example.com",
      env: { http_proxy: "http://a:1", NO_PROXY: "*" },
      expected: undefined,
    },
  ])("$name", ({ url, env, expected }) => {
    expect(proxyOf(new URL(url), env)?.href).toBe(expected);
  });

  test("that is no address is named by its variable, not shown", () => {
    expect(() => proxyOf(new URL("https://x.com"), { https_proxy: "ftp://user:secret@x" })).toThrow(
      /^HTTPS_PROXY is set/,
    );
  });
});

test("every request says who asks, and wants bytes as they are", async () => {
  await using proxy = await startFaultProxy("localhost:1", () => ({ type: "answer", status: 404 }));
  await using client = testClient();
  await expect(resolveManifest(client, parseReference(`${proxy.address}/x`), AMD64)).rejects.toThrow(
    /not found/,
  );
  for (const { headers } of proxy.seen) {
    expect(headers).toMatchObject({ "user-agent": "tsbuild/0.0.0-test", "accept-encoding": "identity" });
  }
});

/** A server with TLS on this machine; `answer` sees what it was asked. */
async function startTlsServer(folder: string, answer: RequestListener) {
  const { certificate, key } = makeCertificate(folder);
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test("a registry that redirects from https to http is not followed", async () => {
  using dir = tempDir("downgrade");
  await using server = await startTlsServer(dir.path, (_, response) =>
    response.writeHead(307, { location: "http://example.com/x" }).end(),
  );
  await using client = testClient({ config: { ...NO_REGISTRY_CONFIG, insecure: [server.address] } });
  await expect(resolveManifest(client, parseReference(`${server.address}/x`), AMD64)).rejects.toMatchObject({
    code: "registry/bad-response",
    message: expect.stringContaining("plain http"),
  });
});

test("a layer kept outside the registry is fetched without credentials, even if its host asks for them", async () => {
  using dir = tempDir("foreign");
  const layer = noise("foreign", 5000);
  const blob = describeBytes(layer, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
  const seen: (string | undefined)[] = [];
  await using outside = await startTlsServer(dir.path, (request, response) => {
    seen.push(request.headers.authorization);
    const isTrap = request.url === "/trap";
    response
      .writeHead(isTrap ? 401 : 200, isTrap ? { "www-authenticate": "Basic realm=x" } : {})
      .end(isTrap ? "" : layer);
  });
  await using proxy = await startFaultProxy("localhost:1", ({ headers }) =>
    headers.authorization === undefined
      ? { type: "answer", status: 401, headers: { "www-authenticate": "Basic realm=x" } }
      : { type: "answer", status: 404 },
  );
  const authFile = join(dir.path, "auth.json");
  const entry = { username: "ali", password: "open sesame" };
  writeFileSync(authFile, JSON.stringify({ auths: { [proxy.address]: entry, [outside.address]: entry } }));
  await using client = testClient({ authFile });
  const urls = [`https://ali:sesame@${outside.address}/trap`, `https://${outside.address}/layer`];
  const source = {
    endpoints: client.pullEndpoints(parseReference(`${proxy.address}/x`)),
    foreignUrls: new Map([[blob.digest, urls]]),
  };
  expect(digestOf(await readAll(fetchBlob(client, source, blob)))).toBe(blob.digest);
  expect(seen).toEqual([undefined, undefined]);
});

test("undici is not loaded before the first request", () => {
  const script = `
    import { openRegistryClient } from "./src/registry/client.ts";
    import "./src/registry/pull.ts";
    import "./src/registry/push.ts";
    import { createRequire } from "node:module";
    await using client = openRegistryClient({ version: "0", env: {} });
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("undici"));
    process.exitCode = loaded.length;
  `;
  expect(() =>
    execFileSync(process.execPath, ["--input-type=module-typescript", "-e", script], { stdio: "pipe" }),
  ).not.toThrow();
});
