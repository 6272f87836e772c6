import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const work = tempDir("cache-models");
const home = join(work.path, "store");
const context = join(work.path, "context");
afterAll(() => work[Symbol.dispose]());

function write(label: string, file: string): void {
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, "Dockerfile"), `FROM scratch\nLABEL l=${label}\nCOPY f /f\n`);
  writeFileSync(join(context, "f"), file);
}

function results(flags: readonly string[]): readonly string[] {
  const ran = tsbuild(["build", "--progress=json", ...flags, context], { home });
  const last = ran.stdout.trimEnd().split("\n").at(-1) ?? "";
  return (JSON.parse(last) as { steps: { result: string }[] }).steps.map(({ result }) => result);
}

test("models do not meet each other's records, metadata rows included, and a LABEL misses as each has it", () => {
  for (const [model, copy] of [
    ["classic", "MISS"],
    ["buildah", "MISS"],
    ["buildkit", "HIT"],
    ["buildkit@20.10", "HIT"],
    ["tsbuild", "HIT"],
  ] as const) {
    write("1", "one");
    expect([model, results(["--cache-model", model])]).toEqual([model, ["HIT", "MISS", "MISS"]]);
    expect([model, results(["--cache-model", model])]).toEqual([model, ["HIT", "HIT", "HIT"]]);
    write("2", "one");
    expect([model, results(["--cache-model", model])]).toEqual([model, ["HIT", "MISS", copy]]);
    const explained = tsbuild(["explain", "--format=json"], { home }).stdout;
    const { steps } = JSON.parse(explained) as { steps: { rootCause: boolean; changes: unknown[] }[] };
    // The build before it was one of the same model.
    expect([model, steps.map(({ rootCause }) => rootCause)]).toEqual([model, [false, true, false]]);
    expect(steps[1]?.changes).toMatchObject([{ kind: "instruction" }]);
  }
});

test("a model that there is not is refused with those that there are", () => {
  const ran = runTsbuild(["build", "--cache-model=kaniko", context], { home });
  expect(ran.status).toBe(125);
  expect(ran.stderr).toContain("tsbuild, classic, buildkit, buildkit@20.10, buildah");
});

test.each(["classic", "buildah"])("under %s a FROM of a named folder is the bottom of the chain", (model) => {
  const folder = join(work.path, "folder");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "x"), "1");
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, "Dockerfile"), "FROM folder\nLABEL l=1\n");
  const flags = ["--cache-model", model, "--build-context", `folder=${folder}`];
  expect(results(flags)).toEqual(["MISS", "MISS"]);
  expect(results(flags)).toEqual(["HIT", "HIT"]);
});

test("explain takes two builds: what moved from the first to the second, though the second hit throughout", () => {
  const other = join(work.path, "compared");
  const build = (file: string) => {
    write("1", file);
    tsbuild(["-q", context], { home: other });
    return tsbuild(["builds", "ls", "-q"], { home: other }).stdout.split("\n")[0] ?? "";
  };
  const first = build("one");
  build("two");
  const again = build("two");
  const text = tsbuild(["explain", first, again], { home: other }).stdout;
  expect(text).toMatch(/COPY f \/f +HIT\n +file +f +content/);
  expect(text).toMatch(/LABEL l=1 +HIT +as before/);
  const json = tsbuild(["explain", "--format=json", "--step=3", first, again], { home: other }).stdout;
  expect(JSON.parse(json)).toMatchObject({
    v: 1,
    build: again,
    compared: first,
    steps: [
      { result: "HIT", rootCause: true, changes: [{ kind: "file-content", subject: "f" }], hint: null },
    ],
  });
  expect(runTsbuild(["explain", "a", "b", "c"], { home: other }).status).toBe(125);
  expect(runTsbuild(["explain", first, "nope"], { home: other }).status).toBe(125);
});
