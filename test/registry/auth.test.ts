import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../src/core/reference.ts";
import { resolveManifest } from "../../src/registry/pull.ts";
import { pushImage } from "../../src/registry/push.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { type Fault, startFaultProxy } from "../helpers/fault-proxy.ts";
import { startRegistry } from "../helpers/registry.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { startTokenServer, type TokenRequest } from "../helpers/token-server.ts";
import { AMD64, noise, sampleImage, testClient } from "./sample-image.ts";

const image = sampleImage([noise("private", 1000)], { seed: "private" });
const digest = image.manifest.descriptor.digest;
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** An auth file in a folder, with these entries. */
function writeAuthFile(folder: string, content: object): string {
  const path = join(folder, "auth.json");
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe("a registry with Basic authentication", () => {
  /** "open sesame", by bcrypt. */
  const HTPASSWD = "ali:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n";

  test("lets in who has the password, and tells the others what to do", async () => {
    using dir = tempDir("basic");
    const htpasswd = join(dir.path, "htpasswd");
    writeFileSync(htpasswd, HTPASSWD);
    await using registry = await startRegistry({ htpasswd });
    const reference = parseReference(`${registry.address}/private:1`);
    const auths = { [registry.address]: { auth: Buffer.from("ali:open sesame").toString("base64") } };
    const authFile = writeAuthFile(dir.path, { auths });

    await using known = testClient({ authFile });
    expect(await pushImage(known, reference, image)).toBe(digest);
    expect((await resolveManifest(known, reference, AMD64)).digest).toBe(digest);

    await using unknown = testClient();
    await expect(resolveManifest(unknown, reference, AMD64)).rejects.toMatchObject({
      code: "registry/unauthorized",
      message: expect.stringContaining(registry.address),
      details: { hint: expect.stringContaining("/nonexistent/.docker/config.json") },
    });

    const wrong = { auths: { [registry.address]: { username: "ali", password: "wrong" } } };
    await using mistaken = testClient({ authFile: writeAuthFile(dir.path, wrong) });
    await expect(resolveManifest(mistaken, reference, AMD64)).rejects.toMatchObject({
      code: "registry/unauthorized",
      message: expect.stringContaining("does not accept the credentials of"),
    });
  });

  test("a credential helper is asked by the name of the registry, and for that one only", async () => {
    using dir = tempDir("helper");
    const htpasswd = join(dir.path, "htpasswd");
    writeFileSync(htpasswd, HTPASSWD);
    await using registry = await startRegistry({ htpasswd });
    const program = join(dir.path, "docker-credential-sesame");
    const answer = `{"ServerURL":"%s","Username":"ali","Secret":"open sesame"}`;
    writeFileSync(
      program,
      `#!/bin/sh\nread -r server\nprintf '%s ' "$1" "$server" >> '${dir.path}/asked'\nprintf '${answer}' "$server"\n`,
    );
    chmodSync(program, 0o755);
    const path = process.env["PATH"];
    process.env["PATH"] = `${dir.path}:${path ?? ""}`;
    try {
      const authFile = writeAuthFile(dir.path, { credHelpers: { [registry.address]: "sesame" } });
      await using client = testClient({ authFile });
      const reference = parseReference(`${registry.address}/helped:1`);
      expect(await pushImage(client, reference, image)).toBe(digest);
      expect(readFileSync(join(dir.path, "asked"), "utf8")).toBe(`get ${registry.address} `);
    } finally {
      process.env["PATH"] = path;
    }
  });
});

const isKnown = ({ authorization }: TokenRequest) => authorization === basic("ali", "open sesame");

describe("a registry with a token server", () => {
  const SERVICE = "test registry";
  const ISSUER = "test issuer";

  async function start(
    dir: string,
    grant: (request: TokenRequest, repository: string, action: string) => boolean,
  ) {
    const certificate = makeCertificate(dir);
    const tokens = await startTokenServer({ certificate, service: SERVICE, issuer: ISSUER, grant });
    const token = { realm: tokens.realm, service: SERVICE, issuer: ISSUER, rootCertBundle: certificate.ca };
    const registry = await startRegistry({ token });
    return {
      tokens,
      registry,
      async [Symbol.asyncDispose]() {
        await registry.close();
        await tokens[Symbol.asyncDispose]();
      },
    };
  }

  test("anonymous pulls, known users push; one token serves many requests", async () => {
    using dir = tempDir("token");
    await using servers = await start(
      dir.path,
      (request, _, action) => action === "pull" || isKnown(request),
    );
    const { tokens, registry } = servers;
    const reference = parseReference(`${registry.address}/team/app:1`);
    const authFile = writeAuthFile(dir.path, {
      auths: { [registry.address]: { username: "ali", password: "open sesame" } },
    });
    await using known = testClient({ authFile });
    expect(await pushImage(known, reference, image)).toBe(digest);
    expect(tokens.seen.map(({ fields }) => fields.get("scope"))).toEqual(["repository:team/app:pull,push"]);
    expect(tokens.seen[0]?.fields.get("service")).toBe(SERVICE);
    expect(tokens.seen[0]?.fields.get("account")).toBe("ali");

    await using anonymous = testClient();
    expect((await resolveManifest(anonymous, reference, AMD64)).digest).toBe(digest);
    expect(tokens.seen.at(-1)?.authorization).toBeUndefined();
    await expect(pushImage(anonymous, reference, sampleImage([noise("x", 9)]))).rejects.toMatchObject({
      code: "registry/unauthorized",
    });
  });

  test("an identity token is traded by POST, and no password is sent", async () => {
    using dir = tempDir("identity");
    await using servers = await start(dir.path, ({ fields }) => fields.get("refresh_token") === "long-lived");
    const { tokens, registry } = servers;
    const authFile = writeAuthFile(dir.path, {
      auths: { [registry.address]: { auth: "", identitytoken: "long-lived" } },
    });
    await using client = testClient({ authFile });
    expect(await pushImage(client, parseReference(`${registry.address}/id:1`), image)).toBe(digest);
    expect(tokens.seen.map(({ method, authorization }) => [method, authorization])).toEqual([
      ["POST", undefined],
    ]);
    expect(tokens.seen[0]?.fields.get("grant_type")).toBe("refresh_token");
  });

  test("a mount asks for the neighbour's scope too, and goes without where that is refused", async () => {
    using dir = tempDir("mount");
    await using servers = await start(dir.path, (_, repository) => repository !== "secret");
    const { tokens, registry } = servers;
    await using client = testClient();
    await pushImage(client, parseReference(`${registry.address}/open:1`), image);
    for (const from of ["open", "secret"]) {
      const blobs = image.blobs.map((blob) => ({ ...blob, mountFrom: [from] }));
      const reference = parseReference(`${registry.address}/from-${from}:1`);
      expect(await pushImage(client, reference, { ...image, blobs })).toBe(digest);
    }
    expect(tokens.seen.flatMap(({ fields }) => fields.getAll("scope"))).toContain("repository:secret:pull");
  });
});

const challenge = (realm: string): Fault => ({
  type: "answer",
  status: 401,
  headers: { "www-authenticate": `Bearer realm="${realm}",service="s"` },
});

describe("what a registry may not talk us into", () => {
  test.each([
    { name: "a token server without https elsewhere", realm: "http://tokens.example.com/token" },
    { name: "no token server", realm: "" },
    { name: "a file", realm: "file:///etc/passwd" },
  ])("$name", async ({ realm }) => {
    await using proxy = await startFaultProxy("localhost:1", () => challenge(realm));
    await using client = testClient();
    await expect(resolveManifest(client, parseReference(`${proxy.address}/x`), AMD64)).rejects.toMatchObject({
      code: "registry/bad-response",
    });
  });

  test.each([
    { name: "a token with a line break", body: JSON.stringify({ token: "a\r\nx-evil: 1" }) },
    { name: "an empty token", body: JSON.stringify({ token: "" }) },
    { name: "no JSON", body: "<html>" },
  ])("$name", async ({ body }) => {
    await using tokens = await startFaultProxy("localhost:1", () => ({ type: "answer", status: 200, body }));
    await using proxy = await startFaultProxy("localhost:1", () =>
      challenge(`http://${tokens.address}/token`),
    );
    await using client = testClient();
    await expect(resolveManifest(client, parseReference(`${proxy.address}/x`), AMD64)).rejects.toMatchObject({
      code: "registry/bad-response",
    });
  });

  test("a token server that redirects elsewhere does not pass the password on", async () => {
    await using elsewhere = await startFaultProxy("localhost:1", () => ({ type: "answer", status: 401 }));
    const location = `http://${elsewhere.address}/steal`;
    await using tokens = await startFaultProxy("localhost:1", () => ({
      type: "answer",
      status: 307,
      headers: { location },
    }));
    await using proxy = await startFaultProxy("localhost:1", () =>
      challenge(`http://${tokens.address}/token`),
    );
    using dir = tempDir("steal");
    const authFile = writeAuthFile(dir.path, {
      auths: { [proxy.address]: { username: "ali", password: "open sesame" } },
    });
    await using client = testClient({ authFile });
    await expect(resolveManifest(client, parseReference(`${proxy.address}/x`), AMD64)).rejects.toMatchObject({
      code: "registry/unauthorized",
    });
    expect(tokens.seen[0]?.headers.authorization).toBe(basic("ali", "open sesame"));
    expect(elsewhere.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("a challenge from behind a redirect gets no credentials of the registry", async () => {
    await using elsewhere = await startFaultProxy("localhost:1", () => ({
      type: "answer",
      status: 401,
      headers: { "www-authenticate": 'Basic realm="give it to me"' },
    }));
    await using proxy = await startFaultProxy("localhost:1", ({ path }) =>
      path === "/v2/"
        ? { type: "answer", status: 200 }
        : { type: "answer", status: 307, headers: { location: `http://${elsewhere.address}${path}` } },
    );
    using dir = tempDir("behind");
    const auths = {
      [proxy.address]: { username: "ali", password: "x" },
      [elsewhere.address]: { username: "ali", password: "y" },
    };
    await using client = testClient({ authFile: writeAuthFile(dir.path, { auths }) });
    await expect(resolveManifest(client, parseReference(`${proxy.address}/x`), AMD64)).rejects.toMatchObject({
      code: "registry/unauthorized",
    });
    expect(elsewhere.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});
