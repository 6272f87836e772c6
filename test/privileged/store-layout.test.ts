import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import { openStore } from "../../src/store/store.ts";
import { addImage } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const isHere = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;
const demanded = process.env["CI"] === "true";

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

describe.runIf(demanded || isHere("skopeo"))("the store is an OCI layout to skopeo", () => {
  test.each(["hello:1.0.0", "localhost:5000/a/b:1"])("which reads %s out of it", (name) => {
    using dir = tempDir("layout");
    using store = openStore(dir.path);
    const names = ["docker.io/library/hello:1.0.0", "localhost:5000/a/b:1", "docker.io/library/foo__bar:1"];
    const { image } = addImage(store, "a", names);
    addImage(store, "dangling", []);
    const found: { Digest: string } = JSON.parse(run("skopeo", "inspect", `oci:${dir.path}:${name}`));
    expect(found.Digest).toBe(image.manifests[0]?.digest);
  });

  test("which copies into it and out of it", async () => {
    using dir = tempDir("layout");
    using store = openStore(join(dir.path, "home"));
    const { image } = addImage(store, "a", ["docker.io/library/hello:1.0.0"]);
    using other = tempDir("layout-other");
    run("skopeo", "copy", `oci:${store.paths.home}:hello:1.0.0`, `oci:${other.path}:out`);
    run("skopeo", "copy", `oci:${other.path}:out`, `oci:${store.paths.home}:in`);
    expect(store.images.resolve("in")?.id).toBe(image.id);
    expect(await store.verify()).toEqual([]);
    // By the name that it was given, after we took it in as well.
    run("skopeo", "inspect", `oci:${store.paths.home}:in`);
    run("skopeo", "inspect", `oci:${store.paths.home}:in:latest`);
  });
});

describe.runIf(demanded || isHere("umoci"))("the store is an OCI layout to umoci", () => {
  test("which lists our images, adds one of its own, and collects without harm to the cache", async () => {
    using dir = tempDir("layout");
    using store = openStore(dir.path);
    const { image, layer } = addImage(store, "a", ["docker.io/library/hello:1.0.0"]);
    expect(run("umoci", "ls", "--layout", dir.path).trim()).toBe("hello:1.0.0");
    run("umoci", "new", "--image", `${dir.path}:mine`);
    expect(store.images.resolve("mine")?.names).toEqual(["docker.io/library/mine:latest"]);
    const twin = store.blobs.write(Buffer.from('{"schemaVersion":2}'));
    const manifest = { mediaType: MEDIA_TYPE.dockerManifest, ...twin };
    store.images.addRepoDigest(image.id, "docker.io/library/hello", manifest);
    run("umoci", "gc", "--layout", dir.path);
    // index.json does not show Docker's manifests; the cache keeps them.
    expect(store.blobs.readWhole(twin.digest)?.length).toBe(twin.size);
    expect(await store.verify()).toEqual([]);
    using _lease = store.openLease("test");
    expect(store.layers.claim(layer.chainId)?.blobs.length).toBe(1);
    expect(readFileSync(store.paths.index, "utf8")).toContain("hello:1.0.0");
  });
});
