import { appendFileSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../helpers/compare-trees.ts";
import { debianBase } from "../helpers/debian-base.ts";
import { type Dockerd, startDockerd } from "../helpers/dockerd.ts";
import { flattenLayers } from "../helpers/flatten-layers.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { type Example, loadExamples } from "./example-readme.ts";

interface Result {
  readonly image: { readonly id: string };
  readonly steps: readonly { readonly instruction: string; readonly result: string }[];
}

const BASES = { "debian:bookworm-slim": "minimal", "debian-toolchain:bookworm": "toolchain" } as const;
const examples = loadExamples();
const work = tempDir("examples");
const home = join(work.path, "store");
let docker: Dockerd;

beforeAll(async () => {
  docker = await startDockerd(join(work.path, "docker"));
  for (const [name, kind] of Object.entries(BASES)) {
    const tar = debianBase(kind);
    tsbuild(["import", tar, name], { home });
    docker.docker(["import", tar, name]);
  }
}, 600_000);
afterAll(async () => {
  await docker.close();
  work[Symbol.dispose]();
});

describe.each(examples)("examples/$name", (example) => {
  test("builds, builds again with every step a HIT, and prints what its README says", () => {
    const folder = copyOf(example, "first");
    const first = build(example, folder);
    const again = build(example, folder);
    expect(again.image.id).toBe(first.image.id);
    expect(again.steps.filter((step) => !["HIT", "SKIP"].includes(step.result))).toEqual([]);
    expect(tsbuild(["run", example.name], { home }).stdout).toBe(example.prints);
    tsbuild(["verify", example.name], { home });
  });

  test.each(example.rebuilds)("$title: the steps that its README says", ({ title, edit, buildArg, rows }) => {
    const folder = copyOf(example, title.replaceAll(/\W/g, "-"));
    build(example, folder);
    if (edit !== undefined) appendFileSync(join(folder, edit), "\n");
    const { steps } = build(example, folder, buildArg === undefined ? [] : [`--build-arg=${buildArg}`]);
    const found = steps
      .filter(
        ({ instruction, result }) => result !== "SKIP" && /^(FROM|RUN|COPY|ADD|WORKDIR)\b/.test(instruction),
      )
      .map(({ instruction, result }) => `${result} ${instruction}`);
    // A claim that ends in … is held against as much of the line.
    const told = found.map((row, i) => {
      const claim = rows[i] ?? "";
      return claim.endsWith("…") && row.startsWith(claim.slice(0, -1).trimEnd()) ? claim : row;
    });
    expect(told).toEqual(rows);
  });

  test.skipIf(example.needsNewFrontend)("Docker makes the same file system, which prints the same", () => {
    const folder = copyOf(example, "docker");
    build(example, folder);
    if (example.base !== undefined) buildByDocker(join(folder, example.base), `${example.name}-base`);
    buildByDocker(join(folder, example.context), example.name);
    const ours = tsbuild(["save", example.name], { home }).bytes;
    const theirs = docker.docker(["save", example.name]);
    expect(compareTrees(flattenLayers(layersOf(ours)), flattenLayers(layersOf(theirs)))).toEqual([]);
    const ran = docker.docker(["run", "--rm", "--network=none", example.name]);
    expect(ran.toString()).toBe(example.prints);
  });
});

test("the index lists every example", () => {
  const index = readFileSync(join(examples[0]!.folder, "../README.md"), "utf8");
  expect(examples.filter(({ name }) => !index.includes(`(${name}/)`)).map(({ name }) => name)).toEqual([]);
  expect(examples.length).toBeGreaterThanOrEqual(15);
});

/** A copy to edit; times are kept, which both builders read. */
function copyOf(example: Example, purpose: string): string {
  const folder = join(work.path, `${example.name}-${purpose}`);
  cpSync(example.folder, folder, { recursive: true, preserveTimestamps: true });
  return folder;
}

function build(example: Example, folder: string, flags: readonly string[] = []): Result {
  if (example.base !== undefined)
    tsbuild(["build", "-q", "-t", `${example.name}-base`, join(folder, example.base)], { home });
  const context = join(folder, example.context);
  const done = tsbuild(["build", "--progress=json", "-t", example.name, ...flags, context], { home });
  return JSON.parse(done.stdout.trimEnd().split("\n").at(-1) ?? "") as Result;
}

function buildByDocker(context: string, tag: string): void {
  docker.docker(["build", "-q", "--network=none", "-t", tag, context], { env: { DOCKER_BUILDKIT: "1" } });
}

/** Layers of what `save` wrote, bottom first. */
function layersOf(archive: Buffer): readonly Buffer[] {
  const entries = new Map(readTar(archive).map((entry) => [entry.path, entry]));
  const [image] = JSON.parse(entries.get("manifest.json")?.content.toString() ?? "[]") as {
    Layers: string[];
  }[];
  return (image?.Layers ?? []).map((name) => {
    const entry = entries.get(name);
    // Docker 20.10 writes a layer that it has written already as a link to it.
    const target = entry?.type === "2" ? join(name, "..", entry.link) : name;
    return entries.get(target)?.content ?? Buffer.alloc(0);
  });
}
