import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { requireDigest } from "../../src/core/digest.ts";
import { openProject, reasonsOf } from "../helpers/build-project.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { startFileServer } from "../helpers/file-server.ts";
import { buildTar, file } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const MODIFIED = "Sat, 03 Feb 2001 04:05:06 GMT";
const sha256 = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const contentDigest = requireDigest(sha256("content"));
const dockerfile = (...adds: readonly string[]) =>
  ["FROM scratch", ...adds.map((add) => `ADD ${add}`), ""].join("\n");

describe("a file that ADD fetches", () => {
  test("is root's, of mode 0600 and of the time that the server says; without one it is of 1970", async () => {
    await using server = await startFileServer();
    server.serve("/p/dated.txt", { body: "dated", headers: { "last-modified": MODIFIED } });
    server.serve("/p/plain", "plain");
    await using project = await openProject({
      Dockerfile: dockerfile(`${server.origin}/p/dated.txt ${server.origin}/p/plain /x/`),
    });
    const built = await project.buildTwice();
    expect(built.files).toEqual(["755 0:0 x", "600 0:0 x/dated.txt", "600 0:0 x/plain"]);
    expect(built.entry("x/dated.txt")?.content.toString()).toBe("dated");
    expect(built.entry("x/dated.txt")?.mtime).toBe(Date.parse(MODIFIED) / 1000);
    expect(built.entry("x/plain")?.mtime).toBe(0);
  });

  test("is called by the last name of its path, and takes --chmod, --chown, ARGs and the order of the words", async () => {
    await using server = await startFileServer();
    server.serve("/a%20b/n%20m?v=2", "named");
    server.serve("/", "unnamed");
    server.serve("/f", "fetched");
    await using project = await openProject({
      f: "local",
      g: "local",
      Dockerfile: `FROM scratch\nARG V=2\nADD --chmod=751 --chown=3:4 ${server.origin}/a%20b/n%20m?v=$V ${server.origin} f ${server.origin}/f g /x/\n`,
    });
    const built = await project.buildTwice();
    expect(built.files).toEqual([
      "751 3:4 x",
      "751 3:4 x/__unnamed__",
      "751 3:4 x/f",
      "751 3:4 x/g",
      "751 3:4 x/n m",
    ]);
    expect(built.entry("x/f")?.content.toString()).toBe("fetched");
  });

  test("is unpacked with --unpack=true only", async () => {
    await using server = await startFileServer();
    server.serve("/a.tgz", { body: gzipSync(buildTar(file("inside", "", { uid: 5 }))) });
    await using project = await openProject({
      Dockerfile: dockerfile(
        `${server.origin}/a.tgz /as-is/`,
        `--unpack=true ${server.origin}/a.tgz /unpacked/`,
        `--unpack=false ${server.origin}/a.tgz /no/`,
      ),
    });
    expect((await project.buildTwice()).files.filter((line) => line.includes("/"))).toEqual([
      "600 0:0 as-is/a.tgz",
      "600 0:0 no/a.tgz",
      "644 5:0 unpacked/inside",
    ]);
  });

  test("comes through redirects, busy answers and a connection that breaks", async () => {
    await using server = await startFileServer();
    server.serve("/moved", { body: "", headers: { location: "/new" } });
    server.serve("/new", { body: "the whole of it", faults: [503, "cut"] });
    await using project = await openProject({ Dockerfile: dockerfile(`${server.origin}/moved /f`) });
    const built = await project.buildTwice();
    expect(built.entry("f")?.content.toString()).toBe("the whole of it");
    expect(built.events.flatMap((e) => (e.type === "transfer" ? [e.state] : []))).toContain("retrying");
  });
});

describe("a file that was fetched before", () => {
  test.each([
    { name: "by its ETag", headers: { etag: '"one"' } },
    { name: "by its time", headers: { "last-modified": MODIFIED } },
  ])("is not transferred again where it is the same $name", async ({ headers }) => {
    await using server = await startFileServer();
    server.serve("/f", { body: "one", headers });
    await using project = await openProject({ Dockerfile: dockerfile(`${server.origin}/f /f`) });
    await project.buildTwice();
    expect(server.requests.map(({ status }) => status)).toEqual([200, 304]);
    // A step that must be made again takes what is here.
    project.write({ Dockerfile: dockerfile(`${server.origin}/f /g`) });
    await project.build();
    expect(server.requests.at(-1)?.status).toBe(304);
  });

  test("is a MISS that names it where it changed, and a HIT where only its ETag did", async () => {
    await using server = await startFileServer();
    const url = `${server.origin}/f`;
    server.serve("/f", { body: "one", headers: { etag: '"1"' } });
    await using project = await openProject({ Dockerfile: dockerfile(`${url} /f`) });
    await project.buildTwice();
    server.serve("/f", { body: "one", headers: { etag: '"2"' } });
    expect(reasonsOf(await project.build())).toEqual([]);
    server.serve("/f", { body: "two", headers: { etag: '"3"' } });
    const changed = await project.build();
    expect(reasonsOf(changed)).toEqual([`file-content ${url}`]);
    expect(changed.entry("f")?.content.toString()).toBe("two");
    const [row] = (await project.engine.explain(changed.id)).steps.filter(
      ({ changes }) => changes.length > 0,
    );
    expect(row?.changes).toEqual([
      { kind: "file-content", subject: url, old: sha256("one"), new: sha256("two") },
    ]);
  });

  test("is fetched again where the store lost or damaged it", async () => {
    await using server = await startFileServer();
    server.serve("/f", { body: "content", headers: { etag: '"1"' } });
    await using project = await openProject({ Dockerfile: dockerfile(`${server.origin}/f /f`) });
    await project.build();
    const { store } = project.engine.shop;
    store.prune({ records: "none" });
    expect(store.cacheBlobs.has(contentDigest)).toBe(true);
    writeFileSync(store.cacheBlobs.pathOf(contentDigest), "damaged");
    project.write({ Dockerfile: dockerfile(`${server.origin}/f /g`) });
    expect((await project.buildTwice()).entry("g")?.content.toString()).toBe("content");
    store.prune({ records: "all" });
    expect(store.cacheBlobs.has(contentDigest)).toBe(false);
    project.write({ Dockerfile: dockerfile(`${server.origin}/f /other`) });
    expect((await project.buildTwice()).entry("other")?.content.toString()).toBe("content");
  });
});

describe("--checksum", () => {
  test("is verified, and then the server is not asked as long as the step is in the cache", async () => {
    await using server = await startFileServer();
    server.serve("/f", "content");
    await using project = await openProject({
      Dockerfile: `FROM scratch\nARG SUM=${sha256("content")}\nADD --checksum=$SUM ${server.origin}/f /f\n`,
    });
    await project.buildTwice();
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    {
      name: "another file's",
      add: (o: string) => `--checksum=${sha256("x")} ${o}/f /f`,
      code: "remote/checksum-mismatch",
    },
    { name: "no digest", add: (o: string) => `--checksum=12 ${o}/f /f`, code: "dockerfile/bad-flag" },
    {
      name: "of two files",
      add: (o: string) => `--checksum=${sha256("x")} ${o}/f ${o}/f /f/`,
      code: "dockerfile/bad-flag",
    },
    {
      name: "of a local file",
      add: () => `--checksum=${sha256("x")} Dockerfile /f`,
      code: "dockerfile/bad-flag",
    },
  ])("that is $name fails at its line and keeps nothing", async ({ add, code }) => {
    await using server = await startFileServer();
    server.serve("/f", "content");
    await using project = await openProject({ Dockerfile: dockerfile(add(server.origin)) });
    await expect(project.build()).rejects.toMatchObject({ code, details: { at: { line: 2 } } });
    expect(project.engine.shop.store.cacheBlobs.has(contentDigest)).toBe(false);
  });
});

describe("what cannot be fetched", () => {
  test.each([
    { name: "nothing there", path: "/gone", code: "remote/not-found" },
    { name: "not for everybody", path: "/secret", code: "remote/denied" },
    { name: "redirects in circles", path: "/circle", code: "remote/bad-response" },
    { name: "a teapot", path: "/teapot", code: "remote/bad-response" },
  ])("$name is $code", async ({ path, code }) => {
    await using server = await startFileServer();
    server.serve("/secret", { body: "", faults: [401] });
    server.serve("/teapot", { body: "", faults: [418] });
    server.serve("/circle", { body: "", headers: { location: "/circle" } });
    await using project = await openProject({ Dockerfile: dockerfile(`${server.origin}${path} /f`) });
    await expect(project.build()).rejects.toMatchObject({ code, details: { at: { line: 2 } } });
  });

  test("a COPY of an address says which instruction fetches", async () => {
    await using project = await openProject({ Dockerfile: "FROM scratch\nCOPY https://host/f /f\n" });
    await expect(project.build()).rejects.toMatchObject({
      code: "dockerfile/unsupported",
      details: { hint: expect.stringContaining("ADD") },
    });
  });
});

test("credentials of an address reach its server, and nothing that is kept or told", async () => {
  await using server = await startFileServer();
  server.serve("/f", "content");
  const url = server.origin.replace("http://", "http://someone:s3cret%21@");
  await using project = await openProject({ Dockerfile: dockerfile(`${url}/f /f`) });
  const built = await project.build();
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${btoa("someone:s3cret!")}`);
  expect(JSON.stringify([built.events, built.steps])).not.toContain("s3cret");
  expect(JSON.stringify(await project.engine.explain(built.id))).not.toContain("s3cret");
  expect(filesWith(project.home, "s3cret")).toEqual([]);
  server.serve("/f", { body: "", faults: [403] });
  project.write({ Dockerfile: dockerfile(`${url}/f /g`) });
  await expect(project.build()).rejects.toMatchObject({ message: expect.not.stringContaining("s3cret") });
  expect(filesWith(project.home, "s3cret")).toEqual([]);
});

/** Files below a folder that hold a text. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

describe("connections are those that registries get", () => {
  test("through the proxy of the environment, and past it for what NO_PROXY lists", async () => {
    await using proxy = await startFileServer();
    proxy.serve("http://files.example/f", "by proxy");
    const env = { HTTP_PROXY: proxy.origin, NO_PROXY: "other.example" };
    await using project = await openProject({ Dockerfile: dockerfile("http://files.example/f /f") }, env);
    expect((await project.buildTwice()).entry("f")?.content.toString()).toBe("by proxy");
  });

  test("TLS with an unknown certificate is refused; one whose authority was put there for the host is not", async () => {
    using dir = tempDir("tls");
    const certificate = makeCertificate(dir.path);
    const server = createTlsServer(
      { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) },
      (_, response) => void response.end("secure"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const home = process.env["HOME"];
    try {
      await using project = await openProject({ Dockerfile: dockerfile(`https://${host}/f /f`) });
      await expect(project.build()).rejects.toMatchObject({
        code: "remote/tls",
        details: { hint: expect.stringContaining(`certs.d/${host}`) },
      });
      const trusted = join(dir.path, ".config/containers/certs.d", host);
      mkdirSync(trusted, { recursive: true });
      copyFileSync(certificate.ca, join(trusted, "ca.crt"));
      process.env["HOME"] = dir.path;
      expect((await project.buildTwice()).entry("f")?.content.toString()).toBe("secure");
    } finally {
      process.env["HOME"] = home;
      server.closeAllConnections();
      server.close();
    }
  });
});
