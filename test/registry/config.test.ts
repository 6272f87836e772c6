import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../src/core/reference.ts";
import { NO_REGISTRY_CONFIG, readRegistryConfig, readTlsSettings } from "../../src/registry/config-files.ts";
import { isVerified, pullEndpoints, pushEndpoint } from "../../src/registry/endpoint.ts";
import { parseToml } from "../../src/registry/toml.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** Reads the configuration of a machine that has these files below /etc and the home directory. */
function configOf(folder: string, files: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return readRegistryConfig({ env, home: join(folder, "home"), etc: join(folder, "etc") });
}

const REGISTRIES = "etc/containers/registries.conf";
const DAEMON = "etc/docker/daemon.json";

describe("where a name is pulled from", () => {
  test.each<{ name: string; files?: Record<string, string>; reference: string; expected: readonly string[] }>(
    [
      {
        name: "Docker Hub has a host of its own",
        reference: "busybox",
        expected: ["https://registry-1.docker.io/library/busybox"],
      },
      {
        name: "this machine is asked over http first",
        reference: "localhost:5000/x",
        expected: ["http|https://localhost:5000/x"],
      },
      {
        name: "and its addresses",
        reference: "127.0.0.1:5000/x",
        expected: ["http|https://127.0.0.1:5000/x"],
      },
      { name: "IPv6 too", reference: "[::1]:5000/x", expected: ["http|https://[::1]:5000/x"] },
      {
        name: "everybody else only over https",
        reference: "example.com/x",
        expected: ["https://example.com/x"],
      },
      {
        name: "a name that begins like localhost is somebody else",
        reference: "localhost.example.com/x",
        expected: ["https://localhost.example.com/x"],
      },
      {
        name: "a host listed as insecure: https, then http",
        files: { [DAEMON]: `{"insecure-registries": ["example.com:5000", "10.0.0.0/8"]}` },
        reference: "example.com:5000/x",
        expected: ["https|http://example.com:5000/x"],
      },
      {
        name: "the same host at another port is not listed",
        files: { [DAEMON]: `{"insecure-registries": ["example.com:5000"]}` },
        reference: "example.com:5001/x",
        expected: ["https://example.com:5001/x"],
      },
      {
        name: "an address in a listed range",
        files: { [DAEMON]: `{"insecure-registries": ["10.0.0.0/8"]}` },
        reference: "10.1.2.3:5000/x",
        expected: ["https|http://10.1.2.3:5000/x"],
      },
      {
        name: "mirrors of registries.conf, then those of daemon.json, then the Hub",
        files: {
          [REGISTRIES]: `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "one.example/hub"\n[[registry.mirror]]\nlocation = "two.example"\ninsecure = true\n`,
          [DAEMON]: `{"registry-mirrors": ["https://three.example/", "http://four.example:80"]}`,
        },
        reference: "busybox",
        expected: [
          "https://one.example/hub/library/busybox",
          "https|http://two.example/library/busybox",
          "https://three.example/library/busybox",
          "https|http://four.example/library/busybox",
          "https://registry-1.docker.io/library/busybox",
        ],
      },
      {
        name: "mirrors for digests only are left out for a tag",
        files: {
          [REGISTRIES]: `[[registry]]\nprefix="example.com"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.example"\n`,
        },
        reference: "example.com/x:1",
        expected: ["https://example.com/x"],
      },
      {
        name: "mirrors for digests only are asked for a digest",
        files: {
          [REGISTRIES]: `[[registry]]\nprefix="example.com"\n[[registry.mirror]]\nlocation = "m.example"\npull-from-mirror = "digest-only"\n`,
        },
        reference: `example.com/x@sha256:${"0".repeat(64)}`,
        expected: ["https://m.example/x", "https://example.com/x"],
      },
      {
        name: "the longest prefix wins, and is replaced by its location",
        files: {
          [REGISTRIES]: `[[registry]]\nprefix="example.com"\nlocation="a.example"\n[[registry]]\nprefix="example.com/team"\nlocation="b.example/t"\n`,
        },
        reference: "example.com/team/app",
        expected: ["https://b.example/t/app"],
      },
      {
        name: "a prefix ends at a part of the name",
        files: { [REGISTRIES]: `[[registry]]\nprefix="example.com/te"\nlocation="b.example"\n` },
        reference: "example.com/team/app",
        expected: ["https://example.com/team/app"],
      },
      {
        name: "subdomains by a star",
        files: {
          [REGISTRIES]: `[[registry]]\nprefix="*.example.com"\ninsecure=true\nlocation="all.example"\n`,
        },
        reference: "a.example.com/app",
        expected: ["https|http://all.example/app"],
      },
      {
        name: "a drop-in's rule stands over the main file's",
        files: {
          [REGISTRIES]: `[[registry]]\nlocation="example.com"\n`,
          "etc/containers/registries.conf.d/50-x.conf": `[[registry]]\nprefix="example.com"\nlocation="dropped.example"\n`,
        },
        reference: "example.com/app",
        expected: ["https://dropped.example/app"],
      },
      {
        name: "a user's file replaces the machine's",
        files: {
          [REGISTRIES]: `[[registry]]\nprefix="example.com"\nlocation="machine.example"\n`,
          "home/.config/containers/registries.conf": "# nothing\n",
        },
        reference: "example.com/app",
        expected: ["https://example.com/app"],
      },
      {
        name: "who has put a certificate there wants TLS, also on this machine",
        files: { "etc/docker/certs.d/localhost:5000/ca.crt": "PEM" },
        reference: "localhost:5000/app",
        expected: ["https://localhost:5000/app"],
      },
    ],
  )("$name", ({ files = {}, reference, expected }) => {
    using dir = tempDir("config");
    const endpoints = pullEndpoints(parseReference(reference), configOf(dir.path, files));
    expect(
      endpoints.map(({ schemes, host, repository }) => `${schemes.join("|")}://${host}/${repository}`),
    ).toEqual(expected);
    expect(endpoints.map(({ isMirror }) => isMirror)).toEqual(
      expected.map((_, index) => index < expected.length - 1),
    );
  });

  test("a blocked registry is not asked", () => {
    using dir = tempDir("config");
    const config = configOf(dir.path, { [REGISTRIES]: `[[registry]]\nprefix="example.com"\nblocked=true\n` });
    expect(() => pushEndpoint(parseReference("example.com/x"), config)).toThrow(
      expect.objectContaining({ code: "registry/denied" }),
    );
    expect(() => pushEndpoint(parseReference("a_b.c/d"), config)).toThrow(
      expect.objectContaining({ code: "image/bad-reference" }),
    );
  });
});

test("certificates of a host are found in its folder", () => {
  using dir = tempDir("certs");
  const config = configOf(dir.path, {
    "etc/docker/certs.d/example.com:5000/ca.crt": "CA",
    "etc/docker/certs.d/example.com:5000/client.cert": "CERT",
    "etc/docker/certs.d/example.com:5000/client.key": "KEY",
    "home/.config/containers/certs.d/example.com:5000/own.crt": "OWN",
  });
  const settings = readTlsSettings(config.certsDirs, "example.com:5000", true);
  expect(settings).toEqual({ ca: ["OWN", "CA"], cert: "CERT", key: "KEY", verify: true });
  expect(readTlsSettings(config.certsDirs, "example.com", true).ca).toEqual([]);
});

test.each([
  { there: "client.cert", lacks: "client.key" },
  { there: "client.key", lacks: "client.cert" },
])("$there alone is a mistake that is named", ({ there, lacks }) => {
  using dir = tempDir("certs");
  const config = configOf(dir.path, { [`etc/containers/certs.d/example.com/${there}`]: "PEM" });
  expect(() => readTlsSettings(config.certsDirs, "example.com", true)).toThrow(
    expect.objectContaining({ code: "registry/bad-config", message: expect.stringContaining(lacks) }),
  );
});

test.each([
  { name: "elsewhere", host: "example.com", files: {}, expected: true },
  { name: "on this machine", host: "localhost:5000", files: {}, expected: false },
  {
    name: "on this machine, where it was put",
    host: "localhost:5000",
    files: { "etc/docker/certs.d/localhost:5000/ca.crt": "" },
    expected: true,
  },
  {
    name: "of a host listed as insecure",
    host: "example.com",
    files: { [DAEMON]: `{"insecure-registries":["example.com"]}` },
    expected: false,
  },
])("a certificate $name is checked: $expected", ({ host, files, expected }) => {
  using dir = tempDir("verify");
  expect(isVerified(host, configOf(dir.path, files))).toBe(expected);
});

describe("damaged files are named", () => {
  test.each([
    { name: "daemon.json", files: { [DAEMON]: "{" }, message: /daemon\.json is no JSON/ },
    {
      name: "registries.conf",
      files: { [REGISTRIES]: "a = 1\n[[registry\n" },
      message: /registries\.conf, line 2/,
    },
    {
      name: "a registry without a name",
      files: { [REGISTRIES]: "[[registry]]\ninsecure = true\n" },
      message: /neither prefix nor location/,
    },
  ])("$name", ({ files, message }) => {
    using dir = tempDir("damaged");
    expect(() => configOf(dir.path, files)).toThrow(
      expect.objectContaining({ code: "registry/bad-config", message: expect.stringMatching(message) }),
    );
  });

  test("none at all is the normal case", () => {
    using dir = tempDir("none");
    const config = configOf(dir.path, {});
    expect({ ...config, certsDirs: [] }).toEqual(NO_REGISTRY_CONFIG);
  });
});

describe("TOML as registries.conf has it", () => {
  test.each<{ name: string; text: string; expected: object }>([
    { name: "nothing", text: "", expected: {} },
    { name: "comments and blank lines", text: "# a\n\n  # b\r\n", expected: {} },
    {
      name: "scalars",
      text: `a = "x" # y\nb = 'C:\\x'\nc = -1_000\nd = true\ne = 1.5`,
      expected: { a: "x", b: "C:\\x", c: -1000, d: true, e: 1.5 },
    },
    { name: "escapes", text: `a = "\\u00e9\\t\\"#"`, expected: { a: 'é\t"#' } },
    {
      name: "arrays over lines",
      text: `a = [ "x", # one\n "y",\n]\nb = []`,
      expected: { a: ["x", "y"], b: [] },
    },
    {
      name: "tables and dotted keys",
      text: `[a."b.c"]\nd.e = 1\n`,
      expected: { a: { "b.c": { d: { e: 1 } } } },
    },
    {
      name: "arrays of tables within such",
      text: `[[r]]\nx=1\n[[r.m]]\ny=2\n[[r.m]]\ny=3\n[[r]]\n`,
      expected: { r: [{ x: 1, m: [{ y: 2 }, { y: 3 }] }, {}] },
    },
    { name: "inline tables", text: `a = { b = 1, c = "d" }`, expected: { a: { b: 1, c: "d" } } },
    {
      name: "a key that objects have",
      text: `__proto__ = 1\nconstructor = 2`,
      expected: { ["__proto__"]: 1, constructor: 2 },
    },
  ])("$name", ({ text, expected }) => {
    expect(JSON.parse(JSON.stringify(parseToml(text, "f")))).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(Object.keys(parseToml(text, "f"))).toEqual(Object.keys(expected));
  });

  test.each([
    { name: "a key without a value", text: "a =" },
    { name: "a word as a value", text: "a = b" },
    { name: "an open string", text: 'a = "b' },
    { name: "an open array", text: "a = [1," },
    { name: "two on one line", text: "a = 1 b = 2" },
    { name: "the same key twice", text: "a = 1\na = 2" },
    { name: "a table over a value", text: "a = 1\n[a]\n" },
    { name: "a string over lines", text: 'a = """\n"""' },
    { name: "endless nesting", text: `a = ${"[".repeat(1000)}` },
  ])("refuses $name", ({ text }) => {
    expect(() => parseToml(text, "f")).toThrow(expect.objectContaining({ code: "registry/bad-config" }));
  });
});
