import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliStore } from "../helpers/cli-store.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { file } from "../helpers/tar-builder.ts";

const store = cliStore("tools");
let registry: TestRegistry;
let other: TestRegistry;
let amd64 = "";
let arm64 = "";

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly { digest: string; platform: object; annotations?: object }[];
  readonly annotations?: object;
}

/** What another tool reads there. */
function rawOf(name: string): string {
  return execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`], {
    encoding: "utf8",
  });
}

const digestIn = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? "";

beforeAll(async () => {
  registry = await startRegistry();
  other = await startRegistry();
  amd64 = `${registry.address}/team/app:amd64`;
  arm64 = `${registry.address}/side/app:arm64`;
  store.importImage(amd64, [file("a", "amd64")]);
  store.importImage(arm64, [file("a", "arm64")], ["--platform", "linux/arm64"]);
  store.run(["push", "-q", amd64]);
  store.run(["push", "-q", arm64]);
});
afterAll(async () => {
  await registry.close();
  await other.close();
  store[Symbol.dispose]();
});

describe("imagetools", () => {
  test("create puts one name over images of two repositories, which is then pulled for either platform", () => {
    const name = `${registry.address}/team/app:1`;
    const created = store.run(["imagetools", "create", "-t", name, amd64, arm64]);
    const digest = digestIn(created.stdout);
    expect(created.stdout).toBe(`${name}: digest: ${digest}\n`);
    const index = JSON.parse(rawOf(name)) as Index;
    expect(index.mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      { architecture: "arm64", os: "linux" },
    ]);
    using own = cliStore("tools-pull");
    own.run(["pull", "-q", "--platform", "linux/arm64", name]);
    expect(own.run(["inspect", "-f", "{{.Architecture}}", name]).stdout).toBe("arm64\n");

    const shown = store.run(["imagetools", "inspect", name]).stdout;
    expect(shown).toContain(`Digest:    ${digest}\n`);
    expect(shown).toContain("  Platform:    linux/arm64\n");
    expect(store.run(["imagetools", "inspect", "--raw", name]).stdout).toBe(rawOf(name));
    const format = ["--format", "{{.Name}} {{.Manifest.digest}}"];
    expect(store.run(["imagetools", "inspect", ...format, name]).stdout).toBe(`${name} ${digest}\n`);
  });

  test("create --append keeps what was there; annotations go on the index and on entries", () => {
    const name = `${other.address}/team/app:append`;
    store.run(["imagetools", "create", "-t", name, amd64]);
    const flags = ["--annotation", "a=1", "--annotation", "manifest-descriptor[linux/arm64]:b=2"];
    const dry = store.run(["imagetools", "create", "--append", "--dry-run", ...flags, "-t", name, arm64]);
    expect(rawOf(name)).not.toContain('"manifests"');
    store.run(["imagetools", "create", "--append", ...flags, "-t", name, arm64]);
    const index = JSON.parse(rawOf(name)) as Index;
    expect(JSON.parse(dry.stdout)).toEqual(index);
    expect(index.annotations).toEqual({ a: "1" });
    expect(index.manifests.map(({ annotations }) => annotations)).toEqual([undefined, { b: "2" }]);
  });

  test("a single source goes as it is", () => {
    const name = `${other.address}/alone:1`;
    store.run(["imagetools", "create", "-t", name, amd64]);
    expect(rawOf(name)).toBe(rawOf(amd64));
  });

  test.each([
    { args: ["-t", "x"], says: "needs at least one source" },
    { args: ["y"], says: "needs a name for the result" },
    { args: ["-t", "x", "--annotation", "manifest:a=b", "y"], says: "cannot be set on an index" },
  ])("create $args is refused", ({ args, says }) => {
    const ran = store.attempt(["imagetools", "create", ...args]);
    expect(ran.stderr).toContain(says);
    expect(ran.status).toBe(125);
  });

  test("two images for one platform are refused", () => {
    const twin = `${registry.address}/team/app:twin`;
    store.importImage(twin, [file("a", "twin")]);
    store.run(["push", "-q", twin]);
    const ran = store.attempt(["imagetools", "create", "-t", twin, amd64, twin]);
    expect(ran.stderr).toContain("two of the images are for linux/amd64");
  });
});

describe("manifest", () => {
  test("a list is created, annotated, inspected, pushed and forgotten", () => {
    const list = `${registry.address}/team/list:1`;
    expect(store.run(["manifest", "create", list, amd64, arm64]).stdout).toBe(
      `Created manifest list ${list}\n`,
    );
    expect(store.attempt(["manifest", "create", list, amd64]).stderr).toContain("there is a list");
    store.run(["manifest", "create", "--amend", list, amd64]);
    store.run(["manifest", "annotate", list, arm64, "--variant", "v9", "--os-features", "x,y"]);
    const here = JSON.parse(store.run(["manifest", "inspect", list]).stdout) as Index;
    expect(store.attempt(["manifest", "annotate", list, "localhost:1/x", "--os", "x"]).stderr).toContain(
      "is not in the list",
    );
    const pushed = store.run(["manifest", "push", "--purge", list]).stdout;
    expect(pushed).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(JSON.parse(rawOf(list))).toEqual(here);
    expect(here.manifests.map(({ platform }) => platform)).toContainEqual({
      architecture: "arm64",
      os: "linux",
      variant: "v9",
      "os.features": ["x", "y"],
    });
    expect(store.attempt(["manifest", "rm", list]).stderr).toContain("error[image/not-found]");
    const verbose: { Ref: string; Descriptor: { digest: string }; OCIManifest: object }[] = JSON.parse(
      store.run(["manifest", "inspect", "-v", list]).stdout,
    );
    expect(verbose.map(({ Descriptor }) => Descriptor.digest).toSorted()).toEqual(
      here.manifests.map(({ digest }) => digest).toSorted(),
    );
    expect(verbose[0]?.OCIManifest).toHaveProperty("layers");
  });

  test("inspect of an image shows its manifest, with -v its descriptor", () => {
    const plain: object = JSON.parse(store.run(["manifest", "inspect", amd64]).stdout);
    expect(plain).toEqual(JSON.parse(rawOf(amd64)));
    expect(JSON.parse(store.run(["manifest", "inspect", "-v", amd64]).stdout)).toMatchObject({
      Ref: amd64,
      Descriptor: { platform: { architecture: "amd64", os: "linux" } },
      OCIManifest: plain,
    });
  });

  test("a list within a list is refused", () => {
    const index = `${registry.address}/team/nested:1`;
    store.run(["imagetools", "create", "-t", index, amd64, arm64]);
    const ran = store.attempt(["manifest", "create", "x", index]);
    expect(ran.stderr).toContain("is a list itself");
  });
});

describe("copy", () => {
  test("goes from registry to registry byte for byte; --platform takes one image", () => {
    const index = `${registry.address}/team/multi:1`;
    store.run(["imagetools", "create", "-t", index, amd64, arm64]);
    const target = `${other.address}/mirror/multi:1`;
    const copied = store.run(["copy", index, target]);
    expect(copied.stdout).toBe(`${target}: digest: ${digestIn(copied.stdout)}\n`);
    expect(rawOf(target)).toBe(rawOf(index));
    expect(store.run(["copy", index, target]).stderr.match(/: Pushed$/gm)).toBeNull();
    const one = `${other.address}/mirror/one:1`;
    store.run(["copy", "-q", "--platform", "linux/arm64", index, one]);
    expect(rawOf(one)).toBe(rawOf(arm64));
    const neighbour = store.run(["copy", index, `${registry.address}/next/multi:1`]).stderr;
    expect(neighbour.match(/: Layer already exists$/gm)).toHaveLength(4);
  });

  test.each([
    { args: ["copy", "a"], status: 125, says: "copy takes a source and a target" },
    { args: ["copy", "localhost:1/a", `x@sha256:${"0".repeat(64)}`], status: 1, says: "has a digest" },
    { args: ["copy", "--all", "--platform", "linux/arm64", "a", "b"], status: 125, says: "contradict" },
  ])("$args is refused", ({ args, status, says }) => {
    const ran = store.attempt(args);
    expect(ran.stderr).toContain(says);
    expect(ran.status).toBe(status);
  });
});

describe("what a registry has", () => {
  test("tags are listed, sorted, a line each", () => {
    const repository = `${registry.address}/team/tags`;
    for (const tag of ["b", "a", "c"]) store.run(["copy", "-q", amd64, `${repository}:${tag}`]);
    expect(store.run(["tags", "ls", repository]).stdout).toBe("a\nb\nc\n");
    expect(store.run(["tags", "ls", "--limit", "1", "--format", "table", repository]).stdout).toMatch(
      new RegExp(`^NAME +TAG\n${repository}:a +a\n$`),
    );
    expect(store.attempt(["tags", "ls", `${repository}:a`]).stderr).toContain("error[cli/usage]");
    expect(store.attempt(["tags", "ls", `${repository}/none`]).stderr).toContain("error[registry/not-found]");
  });

  test("a registry that lists its repositories is searched", () => {
    const found = store.run(["search", "--format", "{{.Name}}", `${registry.address}/side`]);
    expect(found.stdout).toBe(`${registry.address}/side/app\n`);
    expect(store.run(["search", `${registry.address}/nothing-of-that-name`]).stdout).toMatch(
      /^NAME +DESCRIPTION +STARS +OFFICIAL\n$/,
    );
    expect(store.attempt(["search", "a", "b"]).status).toBe(125);
    expect(store.attempt(["search", "--filter", "x=y", "a"]).status).toBe(125);
  });
});
