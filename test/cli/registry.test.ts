import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliStore } from "../helpers/cli-store.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { file } from "../helpers/tar-builder.ts";

const store = cliStore("push");
let registry: TestRegistry;
let name = "";
let id = "";
let digest = "";

beforeAll(async () => {
  registry = await startRegistry();
  name = `${registry.address}/team/one:1`;
  id = store.importImage(name, [file("a", "first")]);
  digest = /digest: (sha256:\S+)/.exec(store.run(["push", name]).stdout)?.[1] ?? "";
});
afterAll(async () => {
  await registry.close();
  store[Symbol.dispose]();
});

describe("push", () => {
  test("says the digest that it can be pulled by, and the second time that all is there", () => {
    const again = store.run(["push", name]);
    expect(again.stdout).toMatch(new RegExp(`^1: digest: ${digest} size: \\d+\n$`));
    expect(again.stderr).toContain(`The push refers to repository [${registry.address}/team/one]`);
    expect(again.stderr.match(/Layer already exists/g)).toHaveLength(2);
    const row = store.run(["images", "--digests", "--format", "{{.Digest}}", name]).stdout;
    expect(row).toBe(`${digest}\n`);
  });

  test("-a pushes every tag, -q prints names alone", () => {
    const two = name.replace(/1$/, "2");
    store.run(["tag", name, two]);
    expect(store.run(["push", "-aq", name.replace(/:1$/, "")]).stdout).toBe(`${name}\n${two}\n`);
    store.run(["rmi", two]);
  });

  test("--compression=zstd is made once, and pulled as the image it was", () => {
    const zstd = name.replace("one:1", "zstd:1");
    store.run(["tag", name, zstd]);
    const first = store.run(["push", "--compression=zstd", zstd]).stdout;
    expect(store.run(["push", "--compression", "zstd", zstd]).stdout).toBe(first);
    expect(first).not.toContain(digest);
    using own = cliStore("zstd");
    own.run(["pull", "-q", zstd]);
    expect(own.run(["images", "-q", "--no-trunc"]).stdout).toBe(`${id}\n`);
    expect(store.run(["push", "--compression=gzip", zstd]).stdout).toContain(digest);
    store.run(["rmi", zstd]);
  });

  test.each([
    { args: ["push", "--compression=lzma", "x"], status: 125, says: "cli/usage" },
    { args: ["push", "localhost:1/nobody/there"], status: 1, says: "image/not-found" },
    { args: ["push"], status: 125, says: "cli/usage" },
    { args: ["push", `x@sha256:${"0".repeat(64)}`], status: 1, says: "image/bad-reference" },
  ])("$args", ({ args, status, says }) => {
    const ran = store.attempt(args);
    expect(ran.stderr).toContain(`error[${says}]`);
    expect(ran.status).toBe(status);
  });
});

describe("pull", () => {
  test("prints digest, status and name, as Docker does", () => {
    using own = cliStore("pull");
    const first = own.run(["pull", name]);
    expect(first.stdout).toBe(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`);
    expect(first.stderr).toContain("1: Pulling from team/one\n");
    expect(first.stderr).toMatch(/^[0-9a-f]{12}: Pull complete$/m);
    const again = own.run(["pull", name]);
    expect(again.stdout).toBe(`Digest: ${digest}\nStatus: Image is up to date for ${name}\n${name}\n`);
    expect(again.stderr).toMatch(/^[0-9a-f]{12}: Already exists$/m);
    expect(own.run(["images", "-q", "--no-trunc"]).stdout).toBe(`${id}\n`);
    const quiet = own.run(["pull", "-q", name]);
    expect([quiet.stdout, quiet.stderr]).toEqual([`${name}\n`, ""]);
  });

  test("-a pulls every tag", () => {
    const repository = name.replace("/one:1", "/many");
    for (const tag of ["a", "b"]) {
      store.run(["tag", name, `${repository}:${tag}`]);
      store.run(["push", "-q", `${repository}:${tag}`]);
    }
    using own = cliStore("all");
    const ran = own.run(["pull", "-a", repository]);
    expect(ran.stdout.match(/^Status: .*$/gm)).toEqual([
      `Status: Downloaded newer image for ${repository}:a`,
      `Status: Downloaded newer image for ${repository}:b`,
    ]);
    expect(
      own.run(["images", "--format", "{{.Tag}}", repository]).stdout.trim().split("\n").toSorted(),
    ).toEqual(["a", "b"]);
    expect(own.attempt(["pull", "-a", `${repository}:a`]).stderr).toContain("error[cli/usage]");
    expect(own.attempt(["pull", "-a", `${repository}/none`]).stderr).toContain("error[registry/not-found]");
  });

  test("what was pulled is saved as what was pushed", () => {
    using own = cliStore("pull");
    own.run(["pull", "-q", `${name.replace(/:1$/, "")}@${digest}`]);
    const pulled = own.run(["save", id]).bytes;
    expect(pulled.equals(store.run(["save", id]).bytes)).toBe(true);
  });

  test.each([
    { what: ":nope", status: 1, says: "registry/not-found" },
    { what: `@sha256:${"0".repeat(64)}`, status: 1, says: "registry/not-found" },
  ])("an image that is not there: $what", ({ what, status, says }) => {
    using own = cliStore("pull");
    const ran = own.attempt(["pull", name.replace(/:1$/, what)]);
    expect(ran.stderr).toContain(`error[${says}]`);
    expect(ran.stderr).toContain("hint:");
    expect(ran.status).toBe(status);
    expect(own.run(["images", "-q"]).stdout).toBe("");
  });

  test.each([
    { args: ["pull"], status: 125, says: "cli/usage" },
    { args: ["pull", "host.invalid/UPPER"], status: 1, says: "image/bad-reference" },
    { args: ["pull", "--platform", "a/b/c/d", "x"], status: 125, says: "cli/usage" },
  ])("$args", ({ args, status, says }) => {
    const ran = store.attempt(args);
    expect(ran.stderr).toContain(`error[${says}]`);
    expect(ran.status).toBe(status);
  });
});
