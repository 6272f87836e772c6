import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { buildTar, file, type Member, symlink } from "../helpers/tar-builder.ts";
import { readTar } from "../helpers/tar-reader.ts";

const store = cliStore("archives");
let id = "";
let other = "";
let archive: Buffer;

beforeAll(() => {
  id = store.importImage("one:1", [file("a", "first")], ["-c", "LABEL kind=test"]);
  other = store.importImage("two", [file("b", "second")]);
  archive = store.run(["save", "one:1"]).bytes;
});
afterAll(() => store[Symbol.dispose]());

const hexOf = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const filesOf = (bytes: Buffer) => new Map(readTar(bytes).map(({ path, content }) => [path, content]));
const json = (bytes: Buffer | undefined): unknown => JSON.parse(bytes?.toString() ?? "null");

/** A store of its own that loads something. */
function loading<T>(action: (own: CliStore) => T): T {
  using own = cliStore("load");
  return action(own);
}
const idOf = (own: CliStore, name: string) => own.run(["inspect", "-f", "{{.Id}}", name]).stdout.trim();
const isEmpty = (own: CliStore) =>
  ["blobs", "cache", "layers", "images", "refs"].every((folder) => {
    const path = join(own.home, folder);
    return (
      !existsSync(path) ||
      readdirSync(path, { recursive: true, withFileTypes: true }).every((e) => !e.isFile())
    );
  });

describe("save", () => {
  test("writes what docker save writes today, every blob under its digest", () => {
    const files = filesOf(archive);
    const [entry] = json(files.get("manifest.json")) as Record<string, unknown>[];
    const hex = id.slice("sha256:".length);
    expect(entry).toMatchObject({ Config: `blobs/sha256/${hex}`, RepoTags: ["one:1"] });
    const layers = entry?.["Layers"] as string[];
    const layer = `sha256:${layers[0]?.slice("blobs/sha256/".length)}`;
    expect(entry?.["LayerSources"]).toEqual({
      [layer]: { mediaType: "application/vnd.oci.image.layer.v1.tar", size: 2048, digest: layer },
    });
    expect(json(files.get("oci-layout"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const blobs = [...files].filter(([path]) => /^blobs\/sha256\/./.test(path));
    expect(blobs).toHaveLength(3);
    for (const [path, content] of blobs) expect(path).toBe(`blobs/sha256/${hexOf(content)}`);
  });

  test("gives the same bytes to a pipe and to a file, every time", () => {
    store.run(["save", "-o", "one.tar", "one:1"]);
    expect(readFileSync(join(store.folder, "one.tar")).equals(archive)).toBe(true);
    expect(readdirSync(store.folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("a repository stands for all its tags, an id for an image without a name", () => {
    store.run(["tag", "one:1", "one:2"]);
    const tagsOf = (...names: string[]) =>
      (
        json(filesOf(store.run(["save", ...names]).bytes).get("manifest.json")) as {
          RepoTags: string[] | null;
        }[]
      ).map(({ RepoTags }) => RepoTags);
    expect(tagsOf("one")).toEqual([["one:1", "one:2"]]);
    expect(tagsOf("one:2", "two")).toEqual([["one:2"], ["two:latest"]]);
    expect(tagsOf(id)).toEqual([null]);
    store.run(["rmi", "one:2"]);
  });

  test.each([
    { args: ["save", "nope"], status: 1, says: "image/not-found" },
    { args: ["save"], status: 125, says: "needs an image" },
    { args: ["save", "--format", "zip", "one:1"], status: 125, says: "docker-archive" },
    { args: ["save", "-o", "no/such/folder/x.tar", "one:1"], status: 1, says: "cannot be written" },
    { args: ["save", "-o", "/dev/full", "one:1"], status: 1, says: "no space left" },
    { args: ["save", "-o", ".", "one:1"], status: 125, says: "is a folder" },
  ])("$args", ({ args, status, says }) => {
    const ran = store.attempt(args);
    expect(ran.status).toBe(status);
    expect(ran.stderr).toContain(says);
    expect(ran.bytes).toHaveLength(0);
  });

  test("leaves no half file where a blob is damaged", () => {
    loading((own) => {
      own.run(["load"], archive);
      const blob = readdirSync(join(own.home, "blobs/sha256")).find(
        (name) => readFileSync(join(own.home, "blobs/sha256", name)).length === 2048,
      );
      writeFileSync(join(own.home, "blobs/sha256", blob ?? ""), Buffer.alloc(2048));
      const ran = own.attempt(["save", "-o", "x.tar", "one:1"]);
      expect(ran.status).toBe(1);
      expect(ran.stderr).toContain("error[store/damaged]");
      expect(existsSync(join(own.folder, "x.tar"))).toBe(false);
    });
  });
});

const viaSave =
  (...args: string[]) =>
  () =>
    store.run(["save", ...args, "one:1"]).bytes;

describe("load gives the same image", () => {
  test.each([
    { name: "as save writes it", bytes: () => archive },
    { name: "from gzip", bytes: () => gzipSync(archive) },
    { name: "from zstd", bytes: () => zstdCompressSync(archive) },
    { name: "saved with --compress gzip", bytes: viaSave("--compress", "gzip") },
    { name: "from an OCI archive", bytes: viaSave("--format", "oci-archive") },
    { name: "from one with gzipped layers", bytes: viaSave("--format", "oci-archive", "--compress", "gzip") },
    { name: "from one with zstd layers", bytes: viaSave("--format", "oci-archive", "--compress", "zstd") },
    { name: "from an archive of Docker before 25", bytes: () => oldArchive(filesOf(archive)) },
  ])("$name, from a pipe and from a file", ({ bytes }) => {
    const written = bytes();
    loading((own) => {
      expect(own.run(["load"], written).stdout).toBe("Loaded image: one:1\n");
      expect(idOf(own, "one:1")).toBe(id);
      expect(own.run(["save", "one:1"]).bytes.equals(archive)).toBe(true);
    });
    loading((own) => {
      writeFileSync(join(own.folder, "x"), written);
      expect(own.run(["load", "-q", "-i", "x"]).stdout).toBe("Loaded image: one:1\n");
      expect(idOf(own, "one:1")).toBe(id);
      expect(own.run(["save", "one:1"]).bytes.equals(archive)).toBe(true);
    });
  });

  test("several images, named and not; a name that moves is told", () => {
    loading((own) => {
      const both = store.run(["save", "one:1", "two"]).bytes;
      expect(own.run(["load"], both).stdout).toBe("Loaded image: one:1\nLoaded image: two:latest\n");
      expect(own.run(["load"], store.run(["save", other]).bytes).stdout).toBe(`Loaded image ID: ${other}\n`);
      own.run(["tag", "two", "one:1"]);
      expect(own.run(["load"], archive).stdout).toBe(
        `The image one:1 already exists, renaming the old one with ID ${other} to empty string\nLoaded image: one:1\n`,
      );
    });
  });

  test("of Docker before 1.10: the configuration is made of the chain", () => {
    const layer = buildTar(file("f", "x"));
    const [base, top] = ["a".repeat(64), "b".repeat(64)];
    const old = buildTar(
      v1Json(base, { container_config: { Cmd: ["/bin/sh", "-c", "#(nop) ADD f"] } }),
      file(`${base}/layer.tar`, layer),
      v1Json(top, {
        parent: base,
        throwaway: true,
        config: { Cmd: ["/f"] },
        container_config: { Cmd: ["/bin/sh", "-c", "#(nop) CMD"] },
      }),
      file("repositories", JSON.stringify({ old: { "1": top } })),
    );
    loading((own) => {
      expect(own.run(["load"], old).stdout).toBe("Loaded image: old:1\n");
      expect(
        own.run(["inspect", "-f", "{{json .Config.Cmd}} {{index .RootFS.Layers 0}}", "old:1"]).stdout,
      ).toBe(`["/f"] sha256:${hexOf(layer)}\n`);
      expect(own.run(["history", "--format", "{{.CreatedBy}}", "old:1"]).stdout).toBe(
        "/bin/sh -c #(nop) CMD\n/bin/sh -c #(nop) ADD f\n",
      );
    });
  });
});

const layerName = () =>
  [...filesOf(archive)].find(
    ([path, content]) => path.startsWith("blobs/") && content.length === 2048,
  )?.[0] ?? "";

function repack(change: (path: string, content: Buffer) => Buffer | undefined, from = archive): Buffer {
  const members = [...filesOf(from)].flatMap(([path, content]): Member[] => {
    const changed = path.endsWith("/") ? undefined : change(path, content);
    return changed === undefined ? [] : [file(path, changed)];
  });
  return buildTar(...members);
}

const without = (gone: string) => repack((path, content) => (path.startsWith(gone) ? undefined : content));
const flipped = (name: string) =>
  repack((path, content) => {
    if (path !== name) return content;
    const copy = Buffer.from(content);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    return copy;
  });

/** The first image is whole; its layers must go again. */
function withBrokenSecond(): Buffer {
  const both = store.run(["save", "one:1", "two"]).bytes;
  const config = `blobs/sha256/${other.slice(7)}`;
  return repack((path, content) => (path === config ? undefined : content), both);
}

describe("a broken archive is refused, and nothing of it stays", () => {
  test.each([
    { name: "cut off inside a blob", bytes: () => archive.subarray(0, 1800) },
    {
      name: "without its manifest",
      bytes: () => repack((path, content) => (path.endsWith("json") ? undefined : content)),
    },
    { name: "without a layer", bytes: () => without(layerName()) },
    { name: "without its configuration", bytes: () => without(`blobs/sha256/${id.slice(7)}`) },
    { name: "with another byte in a layer", bytes: () => flipped(layerName()) },
    { name: "with another byte in its configuration", bytes: () => flipped(`blobs/sha256/${id.slice(7)}`) },
    {
      name: "with a manifest that is not JSON",
      bytes: () => repack((path, content) => (path === "manifest.json" ? Buffer.from("[{") : content)),
    },
    { name: "that is none", bytes: () => Buffer.from("FROM scratch\n".repeat(100)) },
    { name: "that is empty", bytes: () => Buffer.alloc(0) },
    { name: "of gzip, cut off", bytes: () => gzipSync(archive).subarray(0, 400) },
    { name: "whose second image is broken", bytes: () => withBrokenSecond() },
    {
      name: "with a name that leads out",
      bytes: () =>
        repack((path, content) =>
          path === "manifest.json"
            ? Buffer.from(JSON.stringify([{ Config: "../../etc/passwd", RepoTags: null, Layers: [] }]))
            : content,
        ),
    },
  ])("$name", ({ bytes }) => {
    const written = bytes();
    for (const source of ["pipe", "file"]) {
      loading((own) => {
        if (source === "file") writeFileSync(join(own.folder, "x"), written);
        const ran = source === "pipe" ? own.attempt(["load"], written) : own.attempt(["load", "-i", "x"]);
        expect(ran.stderr).toContain("error[image/bad-archive]");
        expect(ran.status).toBe(1);
        expect(ran.stdout).toBe("");
        expect(isEmpty(own)).toBe(true);
      });
    }
  });
});

function v1Json(layer: string, more: object): Member {
  const common = { id: layer, os: "linux", architecture: "amd64", created: "2015-01-01T00:00:00Z" };
  return file(`${layer}/json`, JSON.stringify({ ...common, ...more }));
}

/** As Docker 20.10 wrote it: a folder a layer, the second of two equal ones a link. */
function oldArchive(files: ReadonlyMap<string, Buffer>): Buffer {
  const [entry] = json(files.get("manifest.json")) as { Config: string; Layers: string[] }[];
  const config = files.get(entry?.Config ?? "") ?? Buffer.alloc(0);
  const layer = files.get(entry?.Layers[0] ?? "") ?? Buffer.alloc(0);
  const [first, second] = ["1".repeat(64), "2".repeat(64)];
  return buildTar(
    symlink(`${first}/layer.tar`, `../${second}/layer.tar`),
    file(`${second}/layer.tar`, layer),
    file(`${hexOf(config)}.json`, config),
    file(
      "manifest.json",
      JSON.stringify([
        { Config: `${hexOf(config)}.json`, RepoTags: ["one:1"], Layers: [`${first}/layer.tar`] },
      ]),
    ),
  );
}
