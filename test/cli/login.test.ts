import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeCertificate } from "../helpers/certificates.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { type Ran, runTsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { buildTar, file as member } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { startTokenServer, type TokenRequest } from "../helpers/token-server.ts";

/** "open sesame", by bcrypt. */
const HTPASSWD = "ali:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n";
const PASSWORD = "open sesame";
const CODED = Buffer.from(`ali:${PASSWORD}`).toString("base64");

interface Person extends Disposable {
  readonly folder: string;
  /** ~/.docker/config.json. */
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], input?: string | Buffer): Ran;
}

/** A home of its own, with a PATH that credential helpers can be put into. */
function person(name: string): Person {
  const dir = tempDir(name);
  const bin = join(dir.path, "bin");
  mkdirSync(bin);
  const env = {
    HOME: dir.path,
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    SOURCE_DATE_EPOCH: "1700000000",
  };
  const home = join(dir.path, "store");
  return {
    folder: dir.path,
    config: join(dir.path, ".docker/config.json"),
    env,
    run: (args, input = "") => runTsbuild(args, { home, cwd: dir.path, env, input }),
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}

/** A registry with TLS and Basic authentication, whose authority this person trusts. */
async function startPrivate(who: Person): Promise<TestRegistry> {
  const certificate = makeCertificate(who.folder);
  const htpasswd = join(who.folder, "htpasswd");
  writeFileSync(htpasswd, HTPASSWD);
  const registry = await startRegistry({
    htpasswd,
    tls: { certificate: certificate.certificate, key: certificate.key },
  });
  const certs = join(who.folder, ".config/containers/certs.d", registry.address);
  mkdirSync(certs, { recursive: true });
  copyFileSync(certificate.ca, join(certs, "ca.crt"));
  return registry;
}

function login(who: Person, server: string, password = PASSWORD): Ran {
  return who.run(["login", "-u", "ali", "--password-stdin", server], `${password}\n`);
}

const isKnown = (request: TokenRequest) => isAli(request) || request.fields.get("refresh_token") === "later";
const isAli = ({ authorization }: TokenRequest) => authorization === `Basic ${CODED}`;

describe("a registry with Basic authentication over TLS", () => {
  test("a login is kept once the registry has accepted it, opens push and pull, and is forgotten", async () => {
    using who = person("login");
    await using registry = await startPrivate(who);
    const name = `${registry.address}/team/app:1`;
    who.run(["import", "-", name], buildTar(member("a", "1")));
    expect(who.run(["push", name]).stderr).toContain(`hint: Check the name; or log in: tsbuild login`);

    const wrong = login(who, registry.address, "guess");
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain("error[registry/unauthorized]");
    expect(statSync(who.config, { throwIfNoEntry: false })).toBeUndefined();

    const right = login(who, registry.address);
    expect([right.status, right.stdout]).toEqual([0, "Login Succeeded\n"]);
    expect(right.stderr).toContain(`kept unencrypted in ${who.config}`);
    expect(statSync(who.config).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(who.config, "utf8"))).toEqual({
      auths: { [registry.address]: { auth: CODED } },
    });
    expect(who.run(["push", "-q", name]).stdout).toBe(`${name}\n`);
    expect(who.run(["pull", name]).stdout).toContain("Image is up to date");
    const again = who.run(["login", registry.address]);
    expect(again.stderr).toContain("Authenticating with existing credentials");
    expect(again.stdout).toBe("Login Succeeded\n");

    const config = ["--authfile", who.config];
    const inspected = execFileSync(
      "skopeo",
      [
        "inspect",
        ...config,
        "--cert-dir",
        join(who.folder, ".config/containers/certs.d", registry.address),
        `docker://${name}`,
      ],
      { encoding: "utf8" },
    );
    expect(JSON.parse(inspected)).toMatchObject({ RepoTags: ["1"] });

    const out = who.run(["logout", registry.address]);
    expect(out.stdout).toBe(`Removing login credentials for ${registry.address}\n`);
    expect(who.run(["push", name]).status).toBe(1);
    expect(who.run(["logout", registry.address]).stdout).toBe(`Not logged in to ${registry.address}\n`);
  });

  test("the rest of the file stays as it is, in its place, also behind a link", async () => {
    using who = person("login");
    await using registry = await startPrivate(who);
    const before = {
      HttpHeaders: { x: "y" },
      auths: { "other.example": { auth: "b3RoZXI6MQ==", email: "a@b" } },
      credHelpers: { "third.example": "none" },
    };
    mkdirSync(join(who.folder, ".docker"));
    const real = join(who.folder, "dotfile.json");
    writeFileSync(real, JSON.stringify(before), { mode: 0o644 });
    symlinkSync(real, who.config);
    expect(login(who, `https://${registry.address}/v1/`).status).toBe(0);
    const auths = { ...before.auths, [registry.address]: { auth: CODED } };
    expect(readFileSync(real, "utf8")).toBe(`${JSON.stringify({ ...before, auths }, undefined, "\t")}\n`);
    expect(statSync(real).mode & 0o777).toBe(0o600);
    who.run(["logout", registry.address]);
    expect(JSON.parse(readFileSync(real, "utf8"))).toEqual(before);
  });

  test("--authfile, which need not be there yet, stands before REGISTRY_AUTH_FILE and ~/.docker", async () => {
    using who = person("login");
    await using registry = await startPrivate(who);
    const path = join(who.folder, "new/auth.json");
    const args = ["login", "--authfile", path, "-u", "ali", "--password", PASSWORD, registry.address];
    const done = runTsbuild(args, {
      home: who.folder,
      env: { ...who.env, REGISTRY_AUTH_FILE: "/nonexistent" },
    });
    expect(done.stderr).toContain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    expect(done.stdout).toBe("Login Succeeded\n");
    expect(readFileSync(path, "utf8")).toContain(CODED);
    expect(statSync(who.config, { throwIfNoEntry: false })).toBeUndefined();
  });

  test.each([
    { name: "credsStore", config: () => ({ credsStore: "shelf" }) },
    {
      name: "credHelpers",
      config: (host: string) => ({ credsStore: "no-such", credHelpers: { [host]: "shelf" } }),
    },
  ])("$name: the helper keeps the password, the file only that there is a login", async ({ config }) => {
    using who = person("login");
    await using registry = await startPrivate(who);
    writeFileSync(join(who.folder, "bin/docker-credential-shelf"), SHELF, { mode: 0o755 });
    mkdirSync(join(who.folder, ".docker"));
    writeFileSync(who.config, JSON.stringify(config(registry.address)));
    const done = login(who, registry.address);
    expect([done.stdout, done.stderr]).toEqual(["Login Succeeded\n", ""]);
    expect(JSON.parse(readFileSync(who.config, "utf8"))).toMatchObject({ auths: { [registry.address]: {} } });
    expect(readFileSync(who.config, "utf8")).not.toContain(CODED);
    const shelf = join(who.folder, "shelf.json");
    expect(JSON.parse(readFileSync(shelf, "utf8"))).toEqual({
      [registry.address]: { ServerURL: registry.address, Username: "ali", Secret: PASSWORD },
    });
    const name = `${registry.address}/team/app:1`;
    who.run(["import", "-", name], buildTar(member("a", "1")));
    expect(who.run(["push", "-q", name]).stdout).toBe(`${name}\n`);
    expect(who.run(["logout", registry.address]).stdout).toContain("Removing login credentials");
    expect(readFileSync(shelf, "utf8")).toBe("{}");
    expect(who.run(["push", name]).status).toBe(1);
  });
});

/** A credential helper as Docker's protocol has it: get, store, erase; keeps everything in ~/shelf.json. */
const SHELF = `#!${process.execPath}
const fs = require("node:fs");
const path = process.env.HOME + "/shelf.json";
const shelf = fs.existsSync(path) ? JSON.parse(fs.readFileSync(path, "utf8")) : {};
const input = fs.readFileSync(0, "utf8").trim();
if (process.argv[2] === "store") shelf[JSON.parse(input).ServerURL] = JSON.parse(input);
else if (process.argv[2] === "erase") delete shelf[input];
else if (shelf[input] === undefined) { process.stdout.write("credentials not found in native keychain\\n"); process.exit(1); }
else process.stdout.write(JSON.stringify(shelf[input]));
if (process.argv[2] !== "get") fs.writeFileSync(path, JSON.stringify(shelf));
`;

test("a token server's refresh token is kept in place of the password, and traded for tokens", async () => {
  using who = person("login");
  const certificate = makeCertificate(who.folder);
  const names = { service: "test registry", issuer: "test issuer" };
  await using tokens = await startTokenServer({
    ...names,
    certificate,
    grant: isKnown,
    refuses: (request) => request.authorization !== undefined && !isAli(request),
    refreshToken: "later",
  });
  await using registry = await startRegistry({
    token: { ...names, realm: tokens.realm, rootCertBundle: certificate.ca },
  });
  const name = `${registry.address}/team/app:1`;
  who.run(["import", "-", name], buildTar(member("a", "1")));
  const run = async (args: readonly string[]) => {
    const { ended, output } = startTsbuild(args, { home: join(who.folder, "store"), env: who.env });
    return { code: (await ended).code, output: output() };
  };

  const wrong = await run(["login", "-u", "ali", "-p", "guess", registry.address]);
  expect(wrong.code).toBe(1);
  expect(wrong.output).toContain("error[registry/unauthorized]");
  expect((await run(["login", "-u", "ali", "-p", PASSWORD, registry.address])).code).toBe(0);
  const entry = { auth: Buffer.from("ali:").toString("base64"), identitytoken: "later" };
  expect(JSON.parse(readFileSync(who.config, "utf8"))).toEqual({ auths: { [registry.address]: entry } });

  const before = tokens.seen.length;
  expect((await run(["push", name])).code).toBe(0);
  const traded = tokens.seen.slice(before).filter(({ method }) => method === "POST");
  expect(traded.length).toBeGreaterThan(0);
  expect(traded[0]?.fields.get("grant_type")).toBe("refresh_token");
  expect(tokens.seen.slice(before).every(({ authorization }) => authorization === undefined)).toBe(true);
});

test("two logins at once lose neither", async () => {
  using who = person("login");
  await using registry = await startRegistry();
  const servers = [registry.address, `127.0.0.1:${registry.port}`];
  const started = servers.map((server) =>
    startTsbuild(["login", "-u", "ali", "-p", "x", server], { home: who.folder, env: who.env }),
  );
  for (const { ended } of started) expect((await ended).code).toBe(0);
  const { auths } = JSON.parse(readFileSync(who.config, "utf8")) as { auths: object };
  expect(Object.keys(auths).toSorted()).toEqual(servers.toSorted());
});

describe("what makes no sense is said before anything is sent", () => {
  test.each([
    { args: ["login", "a", "b"], says: "login takes one registry" },
    { args: ["login", "-u", "ali", "-p", "x", "--password-stdin", "a"], says: "mutually exclusive" },
    { args: ["login", "--password-stdin", "a"], says: "--password-stdin needs --username" },
    { args: ["login", "-u", "ali", "--password-stdin", "a"], says: "the password is empty" },
    { args: ["login", "-u", "a:b", "-p", "x", "a"], says: "no colon" },
    { args: ["login", "-u", "ali", "localhost:1"], says: "there is none" },
    { args: ["login", "no host"], says: "is no registry" },
    { args: ["logout", "a", "b"], says: "logout takes one registry" },
  ])("$args", ({ args, says }) => {
    using who = person("login");
    const ran = who.run(args);
    expect(ran.stderr).toContain(says);
    expect(ran.status).toBe(125);
  });

  test("a damaged auth file is named and left alone", async () => {
    using who = person("login");
    await using registry = await startRegistry();
    mkdirSync(join(who.folder, ".docker"));
    writeFileSync(who.config, "{");
    const ran = who.run(["login", "-u", "ali", "-p", "x", registry.address]);
    expect(ran.stderr).toContain("error[registry/bad-config]");
    expect(ran.stderr).toContain(who.config);
    expect(readFileSync(who.config, "utf8")).toBe("{");
  });
});
