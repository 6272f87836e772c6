import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliStore } from "../helpers/cli-store.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { runTsbuild } from "../helpers/run-tsbuild.ts";
import { file } from "../helpers/tar-builder.ts";
import { projectWriter } from "../helpers/write-project.ts";

const store = cliStore("check-build");
const project = projectWriter(store);
afterAll(() => store[Symbol.dispose]());

const CLEAN = 'FROM scratch\nCOPY a /a\nCMD ["/a"]\n';

describe("a build", () => {
  const text = 'FROM scratch AS Base\nCOPY a /a\nENV token=1\nCMD ["a"]\n';

  test("lists what the checks found before its last line, also where every step is a HIT", () => {
    const dir = project(text, { a: "copied by no other test" });
    for (const result of ["MISS", "HIT "]) {
      const { stderr, status } = store.attempt(["--progress=plain", dir]);
      expect(status).toBe(0);
      expect(stderr).toContain(` ${result}  2/4 COPY a /a`);
      expect(stderr.split("\n").slice(-5)).toEqual([
        " 2 warnings found (with their places: tsbuild check):",
        '  - StageNameCasing (line 1): the stage name "Base" is not in lower case',
        '  - SecretsUsedInArgOrEnv (line 3): ENV "token" looks like a secret, and whoever has the image can read it',
        expect.stringMatching(/^sha256:/),
        "",
      ]);
    }
  });

  test("says more with --debug, nothing with -q or where the checks are off", () => {
    const dir = project(text, { a: "x" });
    expect(store.run(["--progress=plain", "-D", dir]).stderr).toContain(
      "\n      docs/lint.md#stagenamecasing\n",
    );
    expect(store.run(["-q", dir]).stderr).toBe("");
    const off = store.run(["--progress=plain", "--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=all", dir]);
    expect(off.stderr).not.toMatch(/warning|not consumed/);
  });

  test("as events: one a finding, with its place", () => {
    const dir = project(text, { a: "x" });
    const events = store
      .run(["--progress=json", dir])
      .stdout.trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === "check-warning");
    expect(events).toMatchObject([
      {
        v: 1,
        rule: "StageNameCasing",
        line: 1,
        column: 17,
        endLine: 1,
        endColumn: 21,
        docs: "docs/lint.md#stagenamecasing",
      },
      { v: 1, rule: "SecretsUsedInArgOrEnv", line: 3, column: 5, endColumn: 10 },
    ]);
  });

  test("as BuildKit's warnings in rawjson, each of a vertex that is known", () => {
    const dir = project(text, { a: "x" });
    const statuses = store
      .run(["--progress=rawjson", dir])
      .stdout.trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [{ vertexes }] = statuses;
    const warnings = statuses.flatMap((status) => status.warnings ?? []);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatchObject({
      vertex: vertexes[0].digest,
      level: 1,
      url: "docs/lint.md#stagenamecasing",
      sourceInfo: { filename: "Dockerfile" },
      range: [{ start: { line: 1 }, end: { line: 1 } }],
    });
    expect(Buffer.from(warnings[0].short, "base64").toString()).toBe(
      'StageNameCasing: the stage name "Base" is not in lower case (line 1)',
    );
  });

  test("as annotations in GitHub Actions", () => {
    const ran = runTsbuild(["--progress=plain", project(text, { a: "x" })], {
      home: store.home,
      env: { GITHUB_ACTIONS: "true" },
    });
    expect(ran.stderr).toContain(
      '::warning file=Dockerfile,line=1,endLine=1,col=17,endColumn=21,title=StageNameCasing::the stage name "Base" is not in lower case\n',
    );
  });

  test("fails by error=true before anything is run, and lists the findings first", () => {
    const dir = project(`# check=error=true\n${text}`, { a: "x" });
    const { status, stderr } = store.attempt(["--progress=plain", dir]);
    expect(status).toBe(1);
    expect(stderr).not.toMatch(/MISS|HIT/);
    expect(stderr.indexOf("2 warnings found")).toBeGreaterThan(0);
    expect(stderr.indexOf("error[lint/violations]")).toBeGreaterThan(stderr.indexOf("2 warnings found"));
    expect(stderr).toContain("StageNameCasing, SecretsUsedInArgOrEnv");
    expect(store.attempt(["-q", "--build-arg=BUILDKIT_DOCKERFILE_CHECK=error=false", dir]).status).toBe(0);
    expect(
      store.attempt(["-q", `--build-arg=BUILDKIT_DOCKERFILE_CHECK=error=true`, project(CLEAN, { a: "x" })])
        .status,
    ).toBe(0);
  });

  test("tells what was found also where it cannot be planned", () => {
    const ran = store.attempt(["--progress=plain", project("FROM scratch\nUSER $x\nEXPOSE none\n")]);
    expect(ran.stderr).toContain(
      "- UndefinedVar (line 2): $x is not defined here\nerror[dockerfile/bad-arguments]",
    );
  });

  test("tells what the text shows also where a base is not to be found", () => {
    const ran = store.attempt(["--progress=plain", project("FROM localhost:1/none AS B\n")]);
    expect(ran.stderr).toContain("StageNameCasing");
    expect(ran.stderr).toContain("error[registry/unreachable]");
  });
});

describe("base images", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.close());

  test("one in a registry is known by its configuration; none of its layers are fetched", () => {
    using own = cliStore("check-base");
    using maker = cliStore("check-maker");
    const name = `${registry.address}/base:1`;
    maker.importImage(name, [file("a", "x")], ["--change", "ENV KNOWN=1", "--change", "ONBUILD USER $GONE"]);
    maker.run(["push", name]);
    const dir = project(`FROM ${name}\nUSER $KNOWN$ELSEWHERE\n`);
    const ran = own.attempt(["check", "--format=json", dir]);
    expect(JSON.parse(ran.stdout).warnings.map(({ detail }: { detail: string }) => detail)).toEqual([
      "$GONE is not defined here",
      "$ELSEWHERE is not defined here",
    ]);
    expect(own.run(["images", "-q"]).stdout).toBe("");
    expect(own.run(["system", "df"]).stdout).not.toMatch(/[1-9]/);
  });

  test("one that the registry does not have is an error, as in a build", () => {
    const ran = store.attempt(["check", project(`FROM ${registry.address}/none\nCMD x\n`)]);
    expect([ran.status, /^error\[(.*?)\]/.exec(ran.stderr)?.[1]]).toEqual([1, "registry/not-found"]);
  });

  test("one that nobody can be asked about is a note, and everything else is checked", () => {
    const dir = project("FROM localhost:1/away\nUSER $WHO\nCMD run\n");
    const ran = store.attempt(["check", dir]);
    expect(ran.stderr).toMatch(/^note: localhost:1\/away could not be looked at \(.*\n$/);
    expect([...ran.stdout.matchAll(/^warning\[(\w+)\]/gm)].map(([, rule]) => rule)).toEqual([
      "JSONArgsRecommended",
    ]);
    expect(ran.status).toBe(1);
    expect(store.attempt(["--call=outline", dir]).status).toBe(0);
    expect(store.attempt(["--call=targets", dir]).stderr).toBe("");
  });
});
