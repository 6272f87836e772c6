import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConformanceCase, loadCases } from "../conformance/case-data.ts";
import { applyVariant, type Base, compareImage } from "../conformance/compare.ts";
import type { StoredImage } from "../conformance/engine-adapter.ts";
import { writeContext } from "../conformance/write-context.ts";
import { type Dockerd, startDockerd } from "../helpers/dockerd.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/**
 * The test of the conformance suite itself: Docker's own BuildKit, whose results were recorded too, must pass it. What the
 * suite's reader, flattening and comparison get wrong shows here.
 */
const RECORDED_AS = "docker-20.10-buildkit";
const folder = sharedData("conformance/cases");
const all = folder === undefined ? [] : loadCases(folder);
const sample = all.filter(
  (recorded, index) =>
    isComparable(recorded) && (index % 20 === 0 || /hardlink|xattr|fifo|wh/.test(recorded.name)),
);
const work = tempDir("recordings");
let docker: Dockerd;
let busybox: Base;

beforeAll(async () => {
  docker = await startDockerd(join(work.path, "docker"));
  execFileSync("sh", [sharedData("conformance/base/make-base.sh") ?? "", work.path], { stdio: "pipe" });
  const tar = join(work.path, "busybox.tar");
  const path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  docker.docker(["import", "-c", 'CMD ["sh"]', "-c", path, tar, "busybox:latest"]);
  busybox = { layers: [readFileSync(tar)], historyCount: 1 };
});
afterAll(async () => {
  await docker.close();
  work[Symbol.dispose]();
});

describe("Docker's BuildKit passes the comparison with its own recording", () => {
  test.for(sample)("$name", (recorded) => {
    const variant = recorded.expected.variants[RECORDED_AS];
    const expected =
      recorded.expected.error || variant?.status !== "differs"
        ? recorded.expected
        : applyVariant(recorded.expected, variant);
    const base =
      !recorded.expected.error && recorded.expected.base === "scratch"
        ? { layers: [], historyCount: 0 }
        : busybox;
    expect(expected.error ? [] : compareImage(build(recorded), base, expected)).toEqual([]);
  });
});

/** Built by BuildKit, successfully, without parent images. */
function isComparable({ expected, prebuild }: ConformanceCase): boolean {
  const variant = expected.variants[RECORDED_AS];
  return (
    !expected.error &&
    prebuild.length === 0 &&
    variant !== undefined &&
    variant.status !== "unsupported-syntax" &&
    variant.error !== true
  );
}

function build(recorded: ConformanceCase): StoredImage {
  const directory = join(work.path, recorded.name);
  mkdirSync(directory);
  writeContext(join(directory, "context"), recorded.context, recorded.folder);
  const inContext = recorded.dockerfile.startsWith("context/");
  const dockerfile = join(inContext ? directory : recorded.folder, recorded.dockerfile);
  const flags = [...pairs("--build-arg", recorded.buildArgs), ...pairs("--label", recorded.labels)];
  if (recorded.target !== undefined) flags.push("--target", recorded.target);
  const args = [
    "build",
    "-q",
    "--network",
    "none",
    "-t",
    "case:1",
    "-f",
    dockerfile,
    ...flags,
    join(directory, "context"),
  ];
  docker.docker(args, { env: { DOCKER_BUILDKIT: "1" } });
  return readArchive(docker.docker(["save", "case:1"]));
}

function pairs(flag: string, values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
}

function readArchive(archive: Buffer): StoredImage {
  const files = new Map(readTar(archive).map((entry) => [entry.path, entry.content]));
  const file = (path: string) => files.get(path) ?? Buffer.alloc(0);
  const [image] = JSON.parse(file("manifest.json").toString()) as { Config: string; Layers: string[] }[];
  return {
    config: JSON.parse(file(image?.Config ?? "").toString()) as StoredImage["config"],
    layers: (image?.Layers ?? []).map(file),
  };
}
