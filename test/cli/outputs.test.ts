import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { dir, file, hardlink, symlink } from "../helpers/tar-builder.ts";

/** Of cliStore's environment: every time that is later becomes this one. */
const EPOCH = 1_700_000_000;
let store: CliStore;
let context = "";

beforeAll(() => {
  store = cliStore("outputs");
  context = join(store.folder, "context");
  mkdirSync(join(context, "sub"), { recursive: true });
  writeFileSync(join(context, "sub/tool"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(context, "read-only"), "read\n", { mode: 0o444 });
  writeFileSync(join(context, "Dockerfile"), "FROM base\nCOPY sub /sub\nCOPY read-only /sub/\nENV A=b\n");
  store.importImage("base", [
    dir("etc/"),
    file("etc/one", "1"),
    hardlink("etc/two", "etc/one"),
    file("escape/in", "x"),
  ]);
});
afterAll(() => store[Symbol.dispose]());

function build(...args: string[]) {
  const ran = store.run([...args, context]);
  // Every build twice: the second finds all it needs.
  const again = store.run([...args, context]);
  expect(again.stderr).toContain("0 misses");
  return { ran, again };
}

function at(name: string): string {
  return join(store.folder, name);
}

function raw(image: string) {
  return JSON.parse(execFileSync("skopeo", ["inspect", "--raw", image], { encoding: "utf8" })) as {
    mediaType: string;
    layers: { mediaType: string; digest: string }[];
    annotations?: Record<string, string>;
  };
}

function idOf(name: string): string | undefined {
  return (JSON.parse(store.run(["inspect", name]).stdout) as { Id: string }[])[0]?.Id;
}

describe("-o DIR", () => {
  test("holds the final stage's files, with modes, times and links, and keeps no image", () => {
    const out = join(store.folder, "out");
    build("-o", out);
    expect(readFileSync(join(out, "sub/tool"), "utf8")).toBe("#!/bin/sh\n");
    expect(statSync(join(out, "sub/tool")).mode & 0o7777).toBe(0o755);
    expect(statSync(join(out, "sub/read-only")).mode & 0o7777).toBe(0o444);
    expect(statSync(join(out, "sub/tool")).mtimeMs).toBe(EPOCH * 1000);
    expect(statSync(join(out, "etc/one")).ino).toBe(statSync(join(out, "etc/two")).ino);
    expect(readdirSync(out).toSorted()).toEqual(["escape", "etc", "sub"]);
    expect(store.run(["images", "--format", "{{.Repository}}"]).stdout).toBe("base\n");
  });

  test("leaves what else is there, and replaces what is in the way", () => {
    const out = join(store.folder, "filled");
    mkdirSync(join(out, "etc/one"), { recursive: true });
    writeFileSync(join(out, "etc/one/inner"), "gone");
    writeFileSync(join(out, "mine"), "mine");
    build("-o", out);
    expect(readFileSync(join(out, "mine"), "utf8")).toBe("mine");
    expect(readFileSync(join(out, "etc/one"), "utf8")).toBe("1");
  });

  test("never writes through a symlink out of the folder", () => {
    const out = join(store.folder, "linked");
    const outside = join(store.folder, "outside");
    mkdirSync(out);
    mkdirSync(outside);
    writeFileSync(join(outside, "victim"), "untouched");
    symlinkSync(outside, join(out, "escape"));
    mkdirSync(join(out, "etc"));
    symlinkSync(join(outside, "victim"), join(out, "etc/one"));
    build("-o", out);
    expect(readdirSync(outside)).toEqual(["victim"]);
    expect(readFileSync(join(outside, "victim"), "utf8")).toBe("untouched");
    expect(lstatSync(join(out, "escape")).isDirectory()).toBe(true);
    expect(lstatSync(join(out, "etc/one")).isFile()).toBe(true);
  });

  test("keeps the image where it has a name", () => {
    build("-t", "named", "-o", join(store.folder, "named"));
    expect(store.run(["images", "-q", "named"]).stdout).not.toBe("");
  });
});

describe("type=tar", () => {
  test("- is the plain root file system on standard output, the same bytes each time", () => {
    const first = store.run(["-o", "-", context]).bytes;
    const second = store.run(["-o", "type=tar", context]).bytes;
    expect(first.equals(second)).toBe(true);
    const list = execFileSync("tar", ["tvf", "-"], { input: first, encoding: "utf8" });
    expect(list).toMatch(/^-rwxr-xr-x 0\/0 +10 .* sub\/tool$/m);
    expect(list).toMatch(/^h.* etc\/two link to etc\/one$/m);
  });
});

describe("archives and layouts", () => {
  test.each([
    { output: "", layer: "tar+gzip" },
    { output: ",compression=uncompressed", layer: "v1.tar" },
    { output: ",compression=zstd,compression-level=19,force-compression=true", layer: "tar+zstd" },
    { output: ",compression=gzip,compression-level=1", layer: "tar+gzip" },
  ])("skopeo reads type=oci$output", ({ output, layer }) => {
    const path = at(`x${output.replaceAll(/[=,]/g, "-")}.tar`);
    build("-t", "x:1", "-o", `type=oci,dest=${path}${output}`, "--annotation", "org.example=yes");
    const manifest = raw(`oci-archive:${path}:x:1`);
    expect(manifest.layers.every(({ mediaType }) => mediaType.endsWith(layer))).toBe(true);
    expect(manifest.annotations).toEqual({ "org.example": "yes" });
    execFileSync("skopeo", ["copy", "-q", `oci-archive:${path}:x:1`, `dir:${path}.dir`]);
  });

  test("Docker's media types, of two names, in a folder beside what is there", () => {
    const path = at("layout");
    build("-o", `type=oci,tar=false,dest=${path},name=first:1`);
    build("-o", `type=oci,tar=false,dest=${path},"name=second:1,third:1",oci-mediatypes=false`);
    execFileSync("umoci", ["ls", "--layout", path]);
    expect(execFileSync("umoci", ["ls", "--layout", path], { encoding: "utf8" })).toBe(
      "first:1\nsecond:1\nthird:1\n",
    );
    const manifest = raw(`oci:${path}:first:1`);
    expect(manifest.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
    const index = JSON.parse(readFileSync(join(path, "index.json"), "utf8")) as {
      manifests: { mediaType: string }[];
    };
    expect(index.manifests.at(-1)?.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
  });

  test.each(["", ",compression=gzip"])("type=docker,dest=…%s is loaded by name and id", (attributes) => {
    const path = at(`docker${attributes.length}.tar`);
    build("-t", "d:1", "-o", `type=docker,dest=${path}${attributes}`);
    execFileSync("skopeo", ["copy", "-q", `docker-archive:${path}:d:1`, `dir:${path}.dir`]);
    using other = cliStore("loaded");
    other.run(["load", "-i", path]);
    expect(JSON.parse(other.run(["inspect", "d:1"]).stdout)).toMatchObject([{ Id: idOf("d:1") }]);
  });

  test("several outputs of one build; --metadata-file has buildx's names", () => {
    const meta = at("meta.json");
    build(
      "-t",
      "m:1",
      "-t",
      "m:2",
      "-o",
      at("files"),
      "-o",
      `type=oci,dest=${at("m.tar")}`,
      "--metadata-file",
      meta,
    );
    const manifest = execFileSync("skopeo", ["inspect", "--raw", `oci-archive:${at("m.tar")}:m:1`]);
    const written = JSON.parse(readFileSync(meta, "utf8")) as Record<string, unknown>;
    expect(written).toMatchObject({
      "containerimage.config.digest": idOf("m:1"),
      "containerimage.descriptor": { size: manifest.length },
      "image.name": "docker.io/library/m:1,docker.io/library/m:2",
    });
    expect(written["buildx.build.ref"]).toMatch(/^tsbuild\/tsbuild\/\w+$/);
    expect(existsSync(at("files/sub/tool"))).toBe(true);
  });
});

describe("several platforms", () => {
  const lines = [
    "FROM scratch AS pick-amd64",
    "COPY sub/tool /amd64",
    "FROM scratch AS pick-arm64",
    "COPY sub/tool /arm64",
    "ARG TARGETARCH",
    "FROM pick-$TARGETARCH",
    "ARG TARGETPLATFORM",
    "ENV BUILT_FOR=$TARGETPLATFORM",
  ];
  const both = ["--platform", "linux/amd64,linux/arm64"];

  beforeAll(() => {
    // ARGs above a FROM are global: TARGETARCH is known there without a declaration.
    writeFileSync(
      join(context, "multi.Dockerfile"),
      lines.filter((line) => line !== "ARG TARGETARCH").join("\n"),
    );
  });

  test("make one image with an index, each with the arguments of its own", () => {
    const path = join(store.folder, "multi.tar");
    const out = join(store.folder, "multi");
    const dockerfile = ["-f", join(context, "multi.Dockerfile")];
    build(
      ...both,
      ...dockerfile,
      "-t",
      "multi:1",
      "-o",
      `type=oci,dest=${path}`,
      "-o",
      out,
      "--annotation",
      "index:a=b",
    );
    expect(readdirSync(out).toSorted()).toEqual(["linux_amd64", "linux_arm64"]);
    expect(readdirSync(join(out, "linux_arm64"))).toEqual(["arm64"]);
    const document = execFileSync("skopeo", ["inspect", "--raw", `oci-archive:${path}:multi:1`], {
      encoding: "utf8",
    });
    expect(JSON.parse(document)).toMatchObject({
      annotations: { a: "b" },
      manifests: [{ platform: { architecture: "amd64" } }, { platform: { architecture: "arm64" } }],
    });
    for (const arch of ["amd64", "arm64"]) {
      const seen = execFileSync(
        "skopeo",
        ["inspect", "--config", "--override-arch", arch, `oci-archive:${path}:multi:1`],
        { encoding: "utf8" },
      );
      expect(JSON.parse(seen)).toMatchObject({
        architecture: arch,
        config: { Env: expect.arrayContaining([`BUILT_FOR=linux/${arch}`]) },
      });
    }
    store.run(["verify", "multi:1"]);
    const format = "{{.Architecture}}";
    expect(store.run(["inspect", "--platform", "linux/arm64", "-f", format, "multi:1"]).stdout).toBe(
      "arm64\n",
    );
  });

  test("save takes one of them, or all; FROM takes its own", () => {
    const one = store.run(["save", "--platform", "linux/arm64", "multi:1"]).bytes;
    using other = cliStore("multi");
    other.run(["load", "--platform", "linux/arm64"], one);
    expect(other.run(["inspect", "-f", "{{.Architecture}}", "multi:1"]).stdout).toBe("arm64\n");
    const all = join(store.folder, "all.tar");
    store.run(["save", "--format", "oci-archive", "-o", all, "multi:1"]);
    const document = execFileSync("skopeo", ["inspect", "--raw", `oci-archive:${all}:multi:1`]);
    expect((JSON.parse(document.toString()) as { manifests: unknown[] }).manifests).toHaveLength(2);
    const out = join(store.folder, "on-arm");
    store.run(["--platform", "linux/arm64", "-o", out, "-"], "FROM multi:1\nWORKDIR /new\n");
    expect(readdirSync(out).toSorted()).toEqual(["arm64", "new"]);
  });

  test("what one of them cannot do ends the build for all, before any work", () => {
    const ran = store.attempt(
      [...both, "--progress=plain", "-"],
      "FROM scratch\nCOPY nothing /\nFROM base\nENV a=b\n",
    );
    expect(ran.stderr).toContain("error[plan/platform]: base is here for linux/amd64, not for linux/arm64");
    expect(ran.stderr).not.toContain("MISS");
    expect(ran.status).toBe(1);
  });
});

describe("what an output cannot be", () => {
  test.each([
    { args: ["-o", "type=local"], code: "cli/usage" },
    { args: ["-o", "type=local,dest=-"], code: "cli/usage" },
    { args: ["-o", "type=nothing"], code: "cli/usage" },
    { args: ["-o", "dest=x,tar=true"], code: "cli/usage" },
    { args: ["-o", "type=oci,dest=x,what=1"], code: "cli/usage" },
    { args: ["-o", "type=oci,dest=x,compression=estargz"], code: "cli/not-supported" },
    { args: ["-o", "type=oci,dest=x,compression=gzip,compression-level=10"], code: "cli/usage" },
    { args: ["-o", "type=oci,dest=x,compression=zstd,oci-mediatypes=false"], code: "cli/usage" },
    { args: ["-o", "type=image,push-by-digest=true"], code: "cli/not-supported" },
    { args: ["-o", "type=image,unpack=true"], code: "cli/not-supported" },
    { args: ["-o", "type=cacheonly"], code: "cli/not-supported" },
    { args: ["-o", "-", "-o", "type=oci"], code: "cli/usage" },
    { args: ["-o", "-", "--progress=json"], code: "cli/usage" },
    { args: ["-o", "type=tar,dest=x", "--annotation", "a=b"], code: "cli/usage" },
    { args: ["--annotation", "nowhere:a=b"], code: "cli/usage" },
    { args: ["-t", "x", "--annotation", "index:a=b"], code: "cli/usage" },
    { args: ["-t", "x", "-o", "type=oci,dest=x,annotation-manifest[linux/s390x].a=b"], code: "cli/usage" },
    { args: ["--push"], code: "cli/usage" },
  ])("$args", ({ args, code }) => {
    const ran = store.attempt([...args, context]);
    expect(ran.stderr).toContain(`error[${code}]`);
    expect(ran.stderr).toContain("hint:");
    expect(ran.status).toBe(125);
    expect(ran.stderr).not.toContain("FROM base");
    expect(existsSync(join(store.folder, "x"))).toBe(false);
  });
});

test("a symlink of the image is written as it is, wherever it leads", () => {
  store.importImage("links", [symlink("link", "/nowhere/else")]);
  const out = join(store.folder, "links");
  store.run(["-o", out, "-"], "FROM links\n");
  expect(readlinkSync(join(out, "link"))).toBe("/nowhere/else");
});
