import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dockerd, startDockerd } from "../helpers/dockerd.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { startRegistry } from "../helpers/registry.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const HELLO = join(PROJECT_ROOT, "examples/hello");
const NAME = "hello:1.0.0";
const work = tempDir("interop");
const home = join(work.path, "store");
const buildahArgs = [
  "--root",
  join(work.path, "buildah/root"),
  "--runroot",
  join(work.path, "buildah/run"),
  "--storage-driver",
  "vfs",
];
let docker: Dockerd;

beforeAll(async () => {
  tsbuild(["base", "create", "base"], { home });
  tsbuild(["build", "-q", "-t", NAME, HELLO], { home });
  docker = await startDockerd(join(work.path, "docker"));
});
afterAll(async () => {
  await docker.close();
  work[Symbol.dispose]();
});

function tool(name: string, args: readonly string[]): string {
  return execFileSync(name, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function buildahPush(transport: string): (file: string) => void {
  return (file) => {
    const [id = ""] = tool("buildah", [...buildahArgs, "images", "-q"])
      .trim()
      .split("\n");
    tool("buildah", [...buildahArgs, "push", "-q", id, `${transport}:${file}:${NAME}`]);
  };
}

/** The image's id, in a store. */
function idIn(store: string): string {
  const [image] = JSON.parse(tsbuild(["image", "inspect", NAME], { home: store }).stdout) as { Id: string }[];
  return image?.Id ?? "";
}

/** Of the image's layers, in a store. */
function diffIdsIn(store: string): unknown {
  return JSON.parse(tsbuild(["inspect", "-f", "{{json .RootFS.Layers}}", NAME], { home: store }).stdout);
}

describe("the store is an OCI layout that other tools read", () => {
  test("skopeo inspects the image by name", () => {
    const seen = JSON.parse(tool("skopeo", ["inspect", `oci:${home}:${NAME}`])) as {
      Layers: string[];
      Env: string[];
    };
    const config = JSON.parse(tool("skopeo", ["inspect", "--config", `oci:${home}:${NAME}`])) as {
      rootfs: { diff_ids: string[] };
    };
    // Layers are stored uncompressed, so their digests are their diff ids.
    expect(seen.Layers).toEqual(config.rootfs.diff_ids);
    expect(seen.Env.join()).toContain("PATH=");
  });

  test("umoci unpacks it, modes and links as they were built", () => {
    const bundle = join(work.path, "bundle");
    tool("umoci", ["unpack", "--image", `${home}:${NAME}`, bundle]);
    expect(readFileSync(join(bundle, "rootfs/app/name.txt"), "utf8")).toBe("World\n");
    expect(readFileSync(join(bundle, "rootfs/app/app.sh"))).toEqual(readFileSync(join(HELLO, "app.sh")));
    expect(statSync(join(bundle, "rootfs/tmp")).mode & 0o7777).toBe(0o1777);
  });

  test("Docker loads what save writes, knows it by the same id, and runs it with the same output", () => {
    docker.docker(["load"], { input: tsbuild(["save", NAME], { home }).bytes });
    const [image] = JSON.parse(docker.docker(["image", "inspect", NAME]).toString()) as {
      Id: string;
      RootFS: { Layers: string[] };
    }[];
    expect(image?.Id).toBe(idIn(home));
    expect(image?.RootFS.Layers).toEqual(diffIdsIn(home));
    const output = docker.docker(["run", "--rm", "--network", "none", NAME]).toString();
    expect(output).toBe(tsbuild(["run", NAME], { home }).stdout);
    expect(output).toBe("Hello, World!\n");
  });
});

describe("an image that another tool writes into the store's layout", () => {
  test("is listed, run, built on and saved like any other", () => {
    const other = join(work.path, "adopting");
    tsbuild(["images"], { home: other });
    const remote = `oci:${other}:copied:1`;
    tool("skopeo", ["copy", "-q", "--dest-compress-format", "gzip", `oci:${home}:${NAME}`, remote]);
    expect(tsbuild(["images", "--format", "{{.Repository}}:{{.Tag}}"], { home: other }).stdout).toBe(
      "copied:1\n",
    );
    const dockerfile = "FROM copied:1\nRUN echo again > again.txt\n";
    tsbuild(["build", "-q", "-t", "on-it", "-"], { home: other, input: dockerfile });
    expect(tsbuild(["run", "copied:1"], { home: other }).stdout).toBe("Hello, World!\n");
    tsbuild(["save", "-o", join(work.path, "adopted.tar"), "copied:1"], { home: other });
  });
});

describe("archives of every form are read by other tools", () => {
  test.each([
    { transport: "docker-archive", flags: [] },
    { transport: "oci-archive", flags: [] },
    { transport: "oci-archive", flags: ["--format", "oci-archive"] },
    { transport: "oci-archive", flags: ["--format", "oci-archive", "--compress", "gzip"] },
    { transport: "oci-archive", flags: ["--format", "oci-archive", "--compress", "zstd"] },
  ])("skopeo reads a $transport of save $flags", ({ transport, flags }) => {
    const file = join(work.path, `${transport}${flags.join("")}.tar`);
    tsbuild(["save", "-o", file, ...flags, NAME], { home });
    const config = tool("skopeo", ["inspect", "--raw", "--config", `${transport}:${file}:${NAME}`]);
    expect(`sha256:${createHash("sha256").update(config).digest("hex")}`).toBe(idIn(home));
    // It verifies every layer while it copies.
    const copy = join(work.path, `copy-${transport}${flags.join("")}`);
    tool("skopeo", ["copy", "-q", `${transport}:${file}:${NAME}`, `dir:${copy}`]);
  });
});

describe("a registry between tsbuild and other tools", () => {
  test("skopeo and buildah read what push wrote; pull reads what Docker's format and an index hold", async () => {
    await using registry = await startRegistry();
    const name = `${registry.address}/team/hello:1.0.0`;
    const remote = `docker://${name}`;
    tsbuild(["tag", NAME, name], { home });
    tsbuild(["push", name], { home });
    const config = tool("skopeo", ["inspect", "--tls-verify=false", "--raw", "--config", remote]);
    expect(`sha256:${createHash("sha256").update(config).digest("hex")}`).toBe(idIn(home));
    tool("buildah", [...buildahArgs, "pull", "-q", "--tls-verify=false", name]);

    const schema2 = `${registry.address}/team/schema2:1`;
    const flags = ["--src-tls-verify=false", "--dest-tls-verify=false", "-q"];
    tool("skopeo", ["copy", ...flags, "--format", "v2s2", remote, `docker://${schema2}`]);
    const other = join(work.path, "pulled");
    tsbuild(["pull", schema2], { home: other });
    expect(tsbuild(["run", schema2], { home: other }).stdout).toBe("Hello, World!\n");
    // The layout of the store stays one that others read.
    tool("skopeo", ["inspect", `oci:${other}:${schema2}`]);
    tool("umoci", ["unpack", "--image", `${other}:${schema2}`, join(work.path, "pulled-bundle")]);
  });
});

describe("load takes what other tools write, and gives the same image", () => {
  beforeAll(() => {
    docker.docker(["load"], { input: tsbuild(["save", NAME], { home }).bytes });
    mkdirSync(join(work.path, "buildah"), { recursive: true });
    // buildah derives a name from an oci: path, and takes no capital letters in it.
    const file = join(work.path, "for-buildah.tar");
    tsbuild(["save", "-o", file, NAME], { home });
    tool("buildah", [...buildahArgs, "pull", "-q", `docker-archive:${file}`]);
  });

  test.each([
    { name: "docker save", write: (file: string) => writeFileSync(file, docker.docker(["save", NAME])) },
    {
      name: "skopeo copy to a docker-archive",
      write: (file: string) =>
        void tool("skopeo", ["copy", "-q", `oci:${home}:${NAME}`, `docker-archive:${file}:${NAME}`]),
    },
    {
      name: "skopeo copy to an oci-archive",
      write: (file: string) =>
        void tool("skopeo", ["copy", "-q", `oci:${home}:${NAME}`, `oci-archive:${file}:${NAME}`]),
    },
    { name: "buildah push to a docker-archive", write: buildahPush("docker-archive") },
    { name: "buildah push to an oci-archive", write: buildahPush("oci-archive") },
  ])("$name", ({ name, write }) => {
    const file = join(work.path, `${name.replaceAll(" ", "-")}.tar`);
    write(file);
    const other = join(work.path, `store-${name.replaceAll(" ", "-")}`);
    tsbuild(["load", "-i", file], { home: other });
    expect(tsbuild(["run", NAME], { home: other }).stdout).toBe("Hello, World!\n");
    // buildah writes the configuration anew from its own struct; the others keep its bytes.
    const isKept = !name.startsWith("buildah");
    expect(isKept ? idIn(other) : "").toBe(isKept ? idIn(home) : "");
    expect(diffIdsIn(other)).toEqual(diffIdsIn(home));
  });
});
