import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { importBusybox } from "../helpers/busybox-image.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const NAMES = ["one", "two", "three", "four"];

/** Steps that all share, a stage of which only a file gets into the image, and steps of its own. */
function writeProject(dir: string, name: string): string {
  const folder = join(dir, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "own.txt"), name);
  writeFileSync(
    join(folder, "Dockerfile"),
    `FROM busybox AS tools
RUN mkdir -p /opt/tool && echo tool > /opt/tool/run && rm -r /home/app
FROM busybox
WORKDIR /app
RUN echo shared > shared && cp /bin/busybox copy
RUN true
COPY --from=tools /opt /opt
COPY own.txt .
RUN cat own.txt > own && date > made
`,
  );
  return folder;
}

interface ResultLine {
  readonly image: { readonly id: string; readonly digest: string };
  readonly steps: readonly { readonly instruction: string; readonly result: string }[];
}

function lastLine(output: string): ResultLine {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as ResultLine;
}

const missesOf = ({ steps }: ResultLine) =>
  steps.filter(({ result }) => result === "MISS").map(({ instruction }) => instruction);

/** A machine: a store of its own that knows the base and nothing else. */
function machine(dir: string, name: string): string {
  const home = join(dir, `store-${name}`);
  execFileSync("cp", ["-a", join(template.path, "store"), home]);
  return home;
}

const argsOf = (folder: string, more: readonly string[]) => [
  "build",
  "--progress=json",
  "--network=none",
  ...more,
  folder,
];

function build(home: string, folder: string, more: readonly string[]): ResultLine {
  return lastLine(tsbuild(argsOf(folder, more), { home }).stdout);
}

const template = tempDir("shared");
let registry: TestRegistry;
beforeAll(async () => {
  importBusybox(join(template.path, "store"));
  registry = await startRegistry();
});
afterAll(async () => {
  await registry.close();
  template[Symbol.dispose]();
});

const both = (place: string) => ["--cache-from", place, "--cache-to", `${place},mode=max`];
const inRegistry = (name: string) => `type=registry,ref=${registry.address}/${name}`;

test("four machines at once run no step that another has published, and make the same image", async () => {
  using dir = tempDir("shared");
  const folder = writeProject(dir.path, "one");
  const place = inRegistry("cache/same:main");
  const first = build(machine(dir.path, "first"), folder, both(place));
  expect(missesOf(first).length).toBeGreaterThan(4);
  const homes = NAMES.map((name) => machine(dir.path, name));
  const started = homes.map((home) => startTsbuild(argsOf(folder, both(place)), { home }));
  for (const { ended } of started) expect(await ended).toEqual({ code: 0, signal: null });
  for (const { output } of started) {
    expect(missesOf(lastLine(output()))).toEqual([]);
    expect(lastLine(output()).image).toEqual(first.image);
  }
  for (const home of homes) {
    expect(missesOf(build(home, folder, []))).toEqual([]);
    using store = openStore(home);
    expect(await store.verify()).toEqual([]);
  }
});

test("four that write at once lose nothing of each other", async () => {
  using dir = tempDir("shared");
  const place = inRegistry("cache/many:main");
  const folders = NAMES.map((name) => writeProject(dir.path, name));
  const started = folders.map((folder, i) =>
    startTsbuild(argsOf(folder, both(place)), { home: machine(dir.path, NAMES[i] ?? "") }),
  );
  for (const { ended } of started) expect(await ended).toEqual({ code: 0, signal: null });
  const home = machine(dir.path, "fifth");
  for (const folder of folders) expect(missesOf(build(home, folder, ["--cache-from", place]))).toEqual([]);
});

describe("what is published", () => {
  test("mode=min leaves out stages that the image does not stand on", () => {
    using dir = tempDir("shared");
    const folder = writeProject(dir.path, "one");
    const place = inRegistry("cache/min:main");
    build(machine(dir.path, "a"), folder, ["--cache-to", place]);
    const there = build(machine(dir.path, "b"), folder, ["--cache-from", place]);
    expect(missesOf(there)).toEqual([
      "RUN mkdir -p /opt/tool && echo tool > /opt/tool/run && rm -r /home/app",
    ]);
  });

  test("results that were here already go too, once", () => {
    using dir = tempDir("shared");
    const folder = writeProject(dir.path, "one");
    const home = machine(dir.path, "a");
    build(home, folder, []);
    const cache = join(dir.path, "cache");
    const to = ["--cache-to", `type=local,dest=${cache},mode=max,compression=zstd`];
    expect(missesOf(build(home, folder, to))).toEqual([]);
    const records = readdirSync(join(cache, "records")).toSorted();
    build(home, folder, to);
    expect(readdirSync(join(cache, "records")).toSorted()).toEqual(records);
    const other = build(machine(dir.path, "b"), folder, ["--cache-from", `type=local,src=${cache}`]);
    expect(missesOf(other)).toEqual([]);
    // Neither names nor paths nor values: what a stranger reads there is hashes and times.
    const text = records.map((name) => readFileSync(join(cache, "records", name), "utf8")).join("");
    expect(text).not.toMatch(/RUN|own\.txt|Dockerfile|\/app/);
  });
});

describe("results as files", () => {
  test("are exported and imported, met over the same base, and make the same image", async () => {
    using dir = tempDir("shared");
    const folder = writeProject(dir.path, "one");
    const home = machine(dir.path, "a");
    const first = build(home, folder, []);
    const cache = join(dir.path, "cache");
    const count = missesOf(first).length;
    const exported = tsbuild(["cache", "export", cache], { home }).stdout;
    expect(exported).toMatch(/^\d+ results exported, 0 there already\n$/);
    expect(Number(exported.split(" ")[0])).toBeGreaterThan(4);
    expect(Number(exported.split(" ")[0])).toBeLessThanOrEqual(count);
    expect(tsbuild(["cache", "export", cache], { home }).stdout).toMatch(
      /^0 results exported, \d+ there already\n$/,
    );

    const other = machine(dir.path, "b");
    expect(tsbuild(["cache", "import", cache], { home: other }).stdout).toBe(
      exported.replace("exported", "imported"),
    );
    const second = build(other, folder, []);
    expect(missesOf(second)).toEqual([]);
    expect(second.image).toEqual(first.image);
    using store = openStore(other);
    expect(await store.verify()).toEqual([]);
  });

  test("a layer under another step's key is imported, and not met: its content is another", () => {
    using dir = tempDir("shared");
    const folder = join(dir.path, "project");
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo a > /a\nRUN echo b > /b\n");
    const cache = join(dir.path, "cache");
    build(machine(dir.path, "a"), folder, ["--cache-to", `type=local,dest=${cache}`]);
    const [victim = "", other = ""] = readdirSync(join(cache, "records")).map((name) =>
      join(cache, "records", name),
    );
    const spoilt = {
      record: { ...readEntry(victim).record, layer: readEntry(other).record.layer },
      blob: readEntry(other).blob,
    };
    writeFileSync(victim, JSON.stringify(spoilt));
    const home = machine(dir.path, "b");
    expect(tsbuild(["cache", "import", cache], { home }).stdout).toContain("2 results imported");
    expect(missesOf(build(home, folder, ["-t", "x"]))).toHaveLength(1);
    expect(missesOf(build(home, folder, ["-t", "x"]))).toEqual([]);
    expect(tsbuild(["run", "--rm", "--network=none", "x", "cat", "/a", "/b"], { home }).stdout).toBe(
      "a\nb\n",
    );
  });
});

interface Entry {
  readonly record: {
    readonly key: string;
    readonly content: string;
    readonly layer: { readonly diffId: string; readonly size: number };
  };
  readonly blob: object;
}

function readEntry(path: string): Entry {
  return JSON.parse(readFileSync(path, "utf8")) as Entry;
}

describe("an entry that is not what it says is refused and named, and its step runs", () => {
  let folder = "";
  let sound = "";
  beforeAll(() => {
    folder = join(template.path, "project");
    sound = join(template.path, "sound");
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo a > /a\nRUN echo b > /b\n");
    build(machine(template.path, "a"), folder, ["--cache-to", `type=local,dest=${sound}`]);
  });

  test.each<{ name: string; spoil: (entry: Entry, other: Entry) => unknown }>([
    { name: "another key's record", spoil: (_, other) => other },
    {
      name: "another layer under this key",
      spoil: ({ record }, other) => ({ record: { ...record, layer: other.record.layer }, blob: other.blob }),
    },
    { name: "other bytes than the layer's", spoil: ({ record }, other) => ({ record, blob: other.blob }) },
    {
      name: "another content",
      spoil: ({ record, blob }, other) => ({ record: { ...record, content: other.record.content }, blob }),
    },
    { name: "no layer where there is one", spoil: ({ record }) => ({ record, blob: null }) },
    { name: "no JSON", spoil: () => undefined },
  ])("$name", ({ spoil }) => {
    using dir = tempDir("shared");
    const cache = join(dir.path, "cache");
    cpSync(sound, cache, { recursive: true });
    const paths = readdirSync(join(cache, "records")).map((name) => join(cache, "records", name));
    const [victim = "", other = ""] = paths;
    writeFileSync(victim, JSON.stringify(spoil(readEntry(victim), readEntry(other))) ?? "{");
    const home = machine(dir.path, "b");
    const ran = tsbuild(argsOf(folder, ["-t", "x", "--cache-from", `type=local,src=${cache}`]), {
      home,
    });
    expect(ran.stdout).toContain(`the cache entry ${victim} is refused`);
    expect(missesOf(lastLine(ran.stdout))).toHaveLength(1);
    const shown = tsbuild(["run", "--rm", "--network=none", "x", "cat", "/a", "/b"], { home });
    expect(shown.stdout).toBe("a\nb\n");
  });
});

function trivial(dir: string): string {
  writeFileSync(join(dir, "Dockerfile"), "FROM busybox\nRUN true\n");
  return dir;
}

describe("a cache that cannot be used", () => {
  test("to read is told, and the build goes on; to write ends it, unless told not to", () => {
    using dir = tempDir("shared");
    const folder = trivial(dir.path);
    const home = machine(dir.path, "a");
    const from = tsbuild(argsOf(folder, ["--cache-from", `type=local,src=${dir.path}/none`]), { home });
    expect(from.stdout).toContain("a cache cannot be read, the build goes on without it");
    const file = join(dir.path, "file");
    writeFileSync(file, "");
    const to = `type=registry,ref=localhost:1/x`;
    expect(runTsbuild(argsOf(folder, ["--cache-to", to]), { home }).status).toBe(1);
    const lenient = tsbuild(argsOf(folder, ["--cache-to", `${to},ignore-error=true`]), { home });
    expect(lenient.stdout).toContain("a cache cannot be written");
  });

  test("because BuildKit wrote it is neither read nor written over", async () => {
    using dir = tempDir("shared");
    const folder = trivial(dir.path);
    const home = machine(dir.path, "a");
    const foreign = join(dir.path, "foreign");
    mkdirSync(foreign);
    writeFileSync(join(foreign, "index.json"), "{}");
    const base = `http://${registry.address}/v2/theirs`;
    const list = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
    const config = { "application/vnd.buildkit.cacheconfig.v0": true };
    await fetch(`${base}/manifests/cache`, {
      method: "PUT",
      headers: { "content-type": list.mediaType },
      body: JSON.stringify({ ...list, annotations: config }),
    });
    for (const flags of [
      ["--cache-from", `type=local,src=${foreign}`],
      ["--cache-to", `type=local,dest=${foreign}`],
      ["--cache-from", `${registry.address}/theirs:cache`],
      ["--cache-to", `type=registry,ref=${registry.address}/theirs:cache`],
    ]) {
      const ran = runTsbuild(argsOf(folder, flags), { home });
      expect(ran.stdout + ran.stderr).toContain("cache/foreign");
      expect(ran.status).toBe(1);
    }
  });
});
