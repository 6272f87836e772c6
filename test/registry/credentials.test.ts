import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCredentialSource } from "../../src/registry/credentials.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const coded = (text: string) => Buffer.from(text).toString("base64");
const of = (username: string, password: string) => ({ type: "basic", username, password });

describe("what an auth file keeps for a registry", () => {
  test.each<{ name: string; file: object; host: string; repository?: string; expected: object }>([
    { name: "nothing", file: {}, host: "example.com", expected: { type: "none" } },
    {
      name: "user and password",
      file: { auths: { "example.com": { auth: coded("a:b:c") } } },
      host: "example.com",
      expected: of("a", "b:c"),
    },
    {
      name: "another host's is not taken",
      file: { auths: { "example.com": { auth: coded("a:b") } } },
      host: "example.com:443",
      expected: { type: "none" },
    },
    {
      name: "Docker Hub under its old name",
      file: { auths: { "https://index.docker.io/v1/": { auth: coded("a:b") } } },
      host: "docker.io",
      expected: of("a", "b"),
    },
    {
      name: "Docker Hub as podman writes it",
      file: { auths: { "docker.io": { auth: coded("a:b") } } },
      host: "docker.io",
      expected: of("a", "b"),
    },
    {
      name: "a key with a scheme",
      file: { auths: { "https://example.com/v1/": { auth: coded("a:b") } } },
      host: "example.com",
      expected: of("a", "b"),
    },
    {
      name: "a key that only ends like the host",
      file: { auths: { "https://evil.com/example.com": { auth: coded("a:b") } } },
      host: "example.com",
      expected: { type: "none" },
    },
    {
      name: "the entry for the repository before that for the host",
      file: { auths: { "example.com": { auth: coded("a:b") }, "example.com/team": { auth: coded("c:d") } } },
      host: "example.com",
      repository: "team/app",
      expected: of("c", "d"),
    },
    {
      name: "an identity token",
      file: { auths: { "example.com": { auth: coded("a:"), identitytoken: "t" } } },
      host: "example.com",
      expected: { type: "identity-token", token: "t" },
    },
    {
      name: "an access token",
      file: { auths: { "example.com": { registrytoken: "t" } } },
      host: "example.com",
      expected: { type: "bearer", token: "t" },
    },
    {
      name: "an entry that a helper left empty",
      file: { auths: { "example.com": {} } },
      host: "example.com",
      expected: { type: "none" },
    },
  ])("$name", async ({ file, host, repository = "app", expected }) => {
    using dir = tempDir("auth");
    const path = join(dir.path, "auth.json");
    writeFileSync(path, JSON.stringify(file));
    const source = openCredentialSource({ env: {}, home: dir.path, authFile: path });
    expect(await source.find(host, repository)).toEqual(expected);
  });
});

describe("which file is in force", () => {
  const files = ["flag.json", "env.json", "docker/config.json", "home/.docker/config.json"];
  test.each([
    { name: "--authfile", flag: true, env: ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG"], expected: files[0] },
    {
      name: "REGISTRY_AUTH_FILE",
      flag: false,
      env: ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG"],
      expected: files[1],
    },
    { name: "DOCKER_CONFIG", flag: false, env: ["DOCKER_CONFIG"], expected: files[2] },
    { name: "that of the home directory", flag: false, env: [], expected: files[3] },
  ])("$name", async ({ flag, env, expected }) => {
    using dir = tempDir("which");
    for (const name of files) {
      mkdirSync(dirname(join(dir.path, name)), { recursive: true });
      writeFileSync(
        join(dir.path, name),
        JSON.stringify({ auths: { h: { username: name, password: "x" } } }),
      );
    }
    const all: Record<string, string> = {
      REGISTRY_AUTH_FILE: join(dir.path, "env.json"),
      DOCKER_CONFIG: join(dir.path, "docker"),
    };
    const source = openCredentialSource({
      env: Object.fromEntries(env.map((name) => [name, all[name]])),
      home: join(dir.path, "home"),
      authFile: flag ? join(dir.path, "flag.json") : undefined,
    });
    expect(await source.find("h", "r")).toEqual(of(expected ?? "", "x"));
  });

  test.each([
    { name: "one that was named and is missing", content: undefined },
    { name: "one that is no JSON", content: "{" },
    {
      name: "one whose auth is no user:password",
      content: JSON.stringify({ auths: { h: { auth: coded("nocolon") } } }),
    },
  ])("$name is an error", async ({ content }) => {
    using dir = tempDir("broken");
    const path = join(dir.path, "auth.json");
    if (content !== undefined) writeFileSync(path, content);
    const source = openCredentialSource({ env: {}, home: dir.path, authFile: path });
    await expect(source.find("h", "r")).rejects.toMatchObject({ code: "registry/bad-config" });
  });
});

/** A folder with a helper in PATH, whose script is given. */
async function askHelper(script: string, file: object, host: string): Promise<unknown> {
  using dir = tempDir("helper");
  writeFileSync(join(dir.path, "docker-credential-test"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const path = join(dir.path, "auth.json");
  writeFileSync(path, JSON.stringify(file));
  const before = process.env["PATH"];
  process.env["PATH"] = `${dir.path}:${before ?? ""}`;
  try {
    return await openCredentialSource({ env: {}, home: dir.path, authFile: path }).find(host, "r");
  } finally {
    process.env["PATH"] = before;
  }
}

describe("credential helpers", () => {
  const echo = `read -r s; printf '{"ServerURL":"%s","Username":"%s","Secret":"x"}' "$s" "$s"`;
  test.each([
    {
      name: "the store is asked for any host",
      file: { credsStore: "test" },
      host: "h",
      expected: of("h", "x"),
    },
    {
      name: "Docker Hub by its old name",
      file: { credsStore: "test" },
      host: "docker.io",
      expected: of("https://index.docker.io/v1/", "x"),
    },
    { name: "a host's own helper", file: { credHelpers: { h: "test" } }, host: "h", expected: of("h", "x") },
    {
      name: "which is not asked for others",
      file: { credHelpers: { h: "test" } },
      host: "i",
      expected: { type: "none" },
    },
  ])("$name", async ({ file, host, expected }) => {
    expect(await askHelper(echo, file, host)).toEqual(expected);
  });

  test("an identity token has a user name of its own", async () => {
    const script = `cat >/dev/null; printf '{"Username":"<token>","Secret":"t"}'`;
    expect(await askHelper(script, { credsStore: "test" }, "h")).toEqual({
      type: "identity-token",
      token: "t",
    });
  });

  test("a helper that has nothing leaves it to the auths", async () => {
    const file = { credsStore: "test", auths: { h: { auth: coded("a:b") } } };
    const script = "echo 'credentials not found in native keychain'; exit 1";
    expect(await askHelper(script, file, "h")).toEqual(of("a", "b"));
  });

  test.each([
    { name: "one that fails", script: "echo 'keyring is locked' >&2; exit 1", store: "test" },
    { name: "one that talks nonsense", script: "echo nonsense", store: "test" },
    { name: "one that is not installed", script: "", store: "does-not-exist" },
    { name: "one whose name is a path", script: "", store: "../../bin/x" },
  ])("$name is an error that names it", async ({ script, store }) => {
    await expect(askHelper(script, { credsStore: store }, "h")).rejects.toMatchObject({
      code: "registry/unauthorized",
      message: expect.stringContaining(`docker-credential-${store}`),
    });
  });
});
