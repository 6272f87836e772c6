import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importBusybox } from "../helpers/busybox-image.ts";
import { type Dockerd, startDockerd } from "../helpers/dockerd.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const work = tempDir("outputs");
const home = join(work.path, "store");
const context = join(work.path, "context");
let docker: Dockerd;
let registry: TestRegistry;

beforeAll(async () => {
  importBusybox(home);
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), 'FROM busybox\nRUN echo hi > /hi\nCMD ["cat", "/hi"]\n');
  [docker, registry] = await Promise.all([startDockerd(join(work.path, "docker")), startRegistry()]);
});
afterAll(async () => {
  await Promise.all([docker.close(), registry.close()]);
  work[Symbol.dispose]();
});

function build(args: readonly string[], daemon = docker.host) {
  const options = { home, env: { DOCKER_HOST: daemon } };
  const first = tsbuild([...args, context], options);
  const again = tsbuild([...args, context], options);
  expect(again.stderr).toContain("0 misses");
  return first;
}

function skopeo(...args: readonly string[]): Record<string, unknown> {
  const text = execFileSync("skopeo", ["inspect", "--tls-verify=false", ...args], { encoding: "utf8" });
  return JSON.parse(text) as Record<string, unknown>;
}

describe("a Docker daemon", () => {
  test.each([
    { name: "--load", args: ["--load", "-t", "loaded:1"], tag: "loaded:1" },
    { name: "-o type=docker", args: ["-o", "type=docker", "-t", "loaded:2"], tag: "loaded:2" },
  ])("$name gives it the image, which runs there", ({ args, tag }) => {
    build(args);
    const [image] = JSON.parse(docker.docker(["image", "inspect", tag]).toString()) as { Id: string }[];
    const [ours] = JSON.parse(tsbuild(["inspect", tag], { home }).stdout) as { Id: string }[];
    expect(image?.Id).toBe(ours?.Id);
    expect(docker.docker(["run", "--rm", "--network", "none", tag]).toString()).toBe("hi\n");
  });

  test("that is not there is a note to --load, and a failure of -o type=docker", () => {
    const nobody = `unix://${join(work.path, "nobody.sock")}`;
    expect(build(["--load", "-t", "kept:1"], nobody).stderr).toContain(
      "--load: no Docker daemon answers here",
    );
    const ran = runTsbuild(["-o", "type=docker", context], { home, env: { DOCKER_HOST: nobody } });
    expect(ran.stderr).toContain("error[output/docker]");
    expect(ran.status).toBe(1);
  });
});

describe("a registry", () => {
  test("--push uploads every name; the metadata file has the digest it can be pulled by", () => {
    const names = [`${registry.address}/one:1`, `${registry.address}/two:2`];
    const meta = join(work.path, "meta.json");
    build([
      "--push",
      ...names.flatMap((name) => ["-t", name]),
      "--metadata-file",
      meta,
      "--annotation",
      "a=b",
    ]);
    const written = JSON.parse(readFileSync(meta, "utf8")) as Record<string, string>;
    for (const name of names) {
      expect(skopeo(`docker://${name}`)["Digest"]).toBe(written["containerimage.digest"]);
      expect(skopeo("--raw", `docker://${name}`)["annotations"]).toEqual({ a: "b" });
    }
    const other = join(work.path, "pulled");
    tsbuild(["pull", `${registry.address}/one@${written["containerimage.digest"]}`], { home: other });
  });

  test.each([
    { attributes: "compression=zstd", type: "application/vnd.oci.image.layer.v1.tar+zstd" },
    { attributes: "compression=uncompressed", type: "application/vnd.oci.image.layer.v1.tar" },
    { attributes: "oci-mediatypes=false", type: "application/vnd.docker.image.rootfs.diff.tar.gzip" },
    {
      attributes: "compression-level=1,force-compression=1",
      type: "application/vnd.oci.image.layer.v1.tar+gzip",
    },
  ])("type=registry,$attributes writes $type", ({ attributes, type }) => {
    const name = `${registry.address}/encoded:${attributes.replaceAll(/[^a-z]/g, "")}`;
    build(["-o", `type=registry,name=${name},${attributes}`]);
    const { layers } = skopeo("--raw", `docker://${name}`) as { layers: { mediaType: string }[] };
    expect(new Set(layers.map(({ mediaType }) => mediaType))).toEqual(new Set([type]));
    execFileSync("skopeo", [
      "copy",
      "-q",
      "--src-tls-verify=false",
      `docker://${name}`,
      `dir:${work.path}/copy`,
    ]);
  });

  test("takes an image of several platforms whole, by --push and by push, and each is found as a base", () => {
    const name = `${registry.address}/multi:1`;
    const dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n";
    const flags = ["--platform=linux/amd64", "--platform=linux/arm64"];
    writeFileSync(join(work.path, "multi"), dockerfile);
    build([...flags, "-f", join(work.path, "multi"), "--push", "-t", name]);
    const pushed = skopeo("--raw", `docker://${name}`);
    expect(pushed["manifests"]).toMatchObject([
      { platform: { architecture: "amd64" } },
      { platform: { architecture: "arm64" } },
    ]);
    tsbuild(["tag", name, `${registry.address}/again:1`], { home });
    tsbuild(["push", `${registry.address}/again:1`], { home });
    expect(skopeo("--raw", `docker://${registry.address}/again:1`)).toEqual(pushed);
    const other = join(work.path, "based");
    const out = join(work.path, "based-out");
    const input = `FROM ${name}\nWORKDIR /new\n`;
    const args = [...flags, "-o", out, "-"];
    tsbuild(args, { home: other, input });
    // Neither platform's image takes the place of the other's: with the registry asked for nothing it works again.
    const again = tsbuild(args, { home: other, input });
    expect(again.stderr).toContain("0 misses");
    const made = execFileSync("find", [".", "-mindepth", "2"], { cwd: out, encoding: "utf8" });
    expect(made.trim().split("\n").toSorted()).toEqual([
      "./linux_amd64/amd64",
      "./linux_amd64/new",
      "./linux_arm64/arm64",
      "./linux_arm64/new",
    ]);
  });
});
