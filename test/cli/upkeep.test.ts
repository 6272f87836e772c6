import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Ran, runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A store with one build of a project without RUN, and a second one after an edit. */
function builtTwice() {
  const dir = tempDir("upkeep");
  const home = join(dir.path, "store");
  const context = join(dir.path, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nARG TOKEN=none\nCOPY a.txt /\nENV MODE=fast\n");
  writeFileSync(join(context, "a.txt"), "first\n");
  const build = (args: readonly string[] = []) => tsbuild(["-t", "made:1", ...args, context], { home });
  build();
  appendFileSync(join(context, "a.txt"), "second\n");
  build(["--build-arg", "TOKEN=hunter2"]);
  const run = (...args: readonly string[]): Ran => runTsbuild(args, { home });
  return { home, build, run, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

describe("what a store holds", () => {
  test("explain names the file and its digests, and hides a secret", () => {
    using store = builtTwice();
    const { stdout } = store.run("explain");
    expect(stdout).toMatch(/file {2}a\.txt {2}content {2}sha256:[0-9a-f]{12}… → sha256:[0-9a-f]{12}…/);
    expect(stdout).toContain("ARG  TOKEN    changed (its value is kept secret)");
    expect(stdout).not.toContain("hunter2");
    expect(store.run("explain", "--step", "3").stdout).not.toContain("step 2/4");
  });

  test("explain as json has the promised shape", () => {
    using store = builtTwice();
    const [second, first] = store.run("builds", "ls", "-q").stdout.trim().split("\n");
    const explained: unknown = JSON.parse(store.run("explain", "--format", "json").stdout);
    expect(explained).toEqual({
      v: 1,
      build: second,
      compared: first,
      steps: [
        {
          stage: null,
          line: 1,
          instruction: "FROM scratch",
          result: "HIT",
          rootCause: false,
          changes: [],
          hint: null,
        },
        {
          stage: null,
          line: 2,
          instruction: "ARG TOKEN=(hidden)",
          result: "MISS",
          rootCause: true,
          changes: [{ kind: "arg", subject: "TOKEN", old: "(hidden)", new: "(hidden)" }],
          hint: null,
        },
        {
          stage: null,
          line: 3,
          instruction: "COPY a.txt /",
          result: "MISS",
          rootCause: true,
          changes: [
            {
              kind: "file-content",
              subject: "a.txt",
              old: expect.stringMatching(/^sha256:/),
              new: expect.stringMatching(/^sha256:/),
            },
          ],
          hint: null,
        },
        {
          stage: null,
          line: 4,
          instruction: "ENV MODE=fast",
          result: "MISS",
          rootCause: false,
          changes: [{ kind: "parent", subject: "step 2", old: null, new: null }],
          hint: null,
        },
      ],
    });
    expect(JSON.parse(store.run("explain", first!, "--format=json").stdout)).toMatchObject({
      build: first,
      compared: null,
    });
  });

  test("explain of an unknown build is a wrong usage", () => {
    using store = builtTwice();
    expect(store.run("explain", "01AAAA")).toMatchObject({ status: 125 });
  });

  test("builds are listed, looked at and removed", () => {
    using store = builtTwice();
    const ids = store.run("builds", "ls", "-q").stdout.trim().split("\n");
    expect(ids).toHaveLength(2);
    expect(store.run("builds", "ls").stdout).toMatch(/made:1 +built +1\/4/);
    expect(JSON.parse(store.run("builds", "inspect", ids[1]!).stdout)).toMatchObject([
      { id: ids[1], tags: ["made:1"] },
    ]);
    expect(store.run("builds", "rm", ids[0]!).stdout).toBe(`${ids[0]}\n`);
    expect(store.run("builds", "ls", "-q").stdout).toBe(`${ids[1]}\n`);
  });

  test("the cache is listed and pruned; then the same build misses as pruned, and says so", () => {
    using store = builtTwice();
    expect(store.run("cache", "ls").stdout).toContain("COPY a.txt /");
    expect(store.run("cache", "prune").stderr).toContain("Are you sure");
    expect(store.run("cache", "prune", "--filter", "until=1h", "-f").stdout).toContain("0 results");
    expect(store.run("cache", "prune", "-a", "-f").stdout).toContain("2 results");
    expect(store.run("cache", "ls").stdout.trim().split("\n")).toHaveLength(1);
    store.build(["--build-arg", "TOKEN=hunter2"]);
    expect(store.run("explain").stdout).toContain("its inputs are equal, but its result was pruned");
  });

  test("system df counts what is there", () => {
    using store = builtTwice();
    expect(store.run("system", "df").stdout).toMatch(/Cache +2 /);
    expect(JSON.parse(store.run("system", "df", "--format", "json").stdout)).toMatchObject({
      builds: { count: 2 },
    });
  });
});

describe("verify", () => {
  test("finds a sound store sound", () => {
    using store = builtTwice();
    expect(store.run("verify")).toMatchObject({ status: 0, stderr: "" });
    expect(store.run("verify", "made:1")).toMatchObject({ status: 0 });
  });

  test("ends with 3 where a blob has other bytes", () => {
    using store = builtTwice();
    const blobs = join(store.home, "blobs/sha256");
    for (const name of readdirSync(blobs)) appendFileSync(join(blobs, name), "x");
    const { status, stdout, stderr } = store.run("verify", "made:1");
    expect(status).toBe(3);
    expect(stdout).toMatch(/^(blob|image) /m);
    expect(stderr).toContain("error[cli/verify-failed]");
  });
});

test("doctor says what works here, also as json", () => {
  using dir = tempDir("doctor");
  const home = join(dir.path, "store");
  const { stdout } = runTsbuild(["doctor"], { home });
  for (const word of ["tsbuild", "store", "user", "workspaces", "xattrs", "registries"])
    expect(stdout).toContain(word);
  const findings = JSON.parse(runTsbuild(["doctor", "--format", "json"], { home }).stdout) as {
    about: string;
  }[];
  expect(findings.map(({ about }) => about)).toContain("store");
});
