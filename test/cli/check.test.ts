import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { cliStore } from "../helpers/cli-store.ts";
import type { Ran } from "../helpers/run-tsbuild.ts";
import { projectWriter } from "../helpers/write-project.ts";

const store = cliStore("check");
const project = projectWriter(store);
afterAll(() => store[Symbol.dispose]());

const CLEAN = 'FROM scratch\nCOPY a /a\nCMD ["/a"]\n';
const TWO = "FROM scratch AS Base\nCOPY $foo/a /a\n";
const json = (ran: Ran) => JSON.parse(ran.stdout);

describe("tsbuild check", () => {
  test("says that nothing was found, and ends with 0", () => {
    const ran = store.attempt(["check", project(CLEAN)]);
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, "Check complete, no warnings found.\n", ""]);
  });

  test("shows each finding in its place, and ends with 1", () => {
    const ran = store.attempt(["check", project(TWO)]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatchInlineSnapshot(`
      "warning[StageNameCasing]: the stage name "Base" is not in lower case
        --> Dockerfile:1:17
       > 1 | FROM scratch AS Base
           |                 ^^^^
       hint: Write stage names in lower case: they are compared without regard to case.
             docs/lint.md#stagenamecasing

      warning[UndefinedVar]: $foo is not defined here
        --> Dockerfile:2:6
         1 | FROM scratch AS Base
       > 2 | COPY $foo/a /a
           |      ^^^^
       hint: Declare a variable with ARG or ENV before its use: an unknown one is silently empty.
             docs/lint.md#undefinedvar

      Check complete, 2 warnings found.
      "
    `);
  });

  test.each([
    ["build", "--check"],
    ["--check"],
    ["buildx", "build", "--check"],
    ["build", "--call=check"],
    ["build", "--call", "lint"],
    ["build", "--print=lint"],
  ])("%s %s %s is the same", (...args) => {
    const dir = project(TWO);
    const ran = store.attempt([...args, dir]);
    expect([ran.status, ran.stdout]).toEqual([1, store.attempt(["check", dir]).stdout]);
  });

  test("reads the Dockerfile that -f names, and standard input", () => {
    const dir = project(CLEAN, { "other.Dockerfile": TWO });
    expect(store.attempt(["check", "-f", join(dir, "other.Dockerfile"), dir]).stdout).toContain(
      "other.Dockerfile:1:17",
    );
    expect(store.attempt(["check", "-"], TWO).stdout).toContain("--> -:1:17");
  });

  test("without a target follows every stage, with one what it needs", () => {
    const dir = project("FROM scratch AS a\nUSER $a\nFROM scratch AS b\nUSER $b\n");
    const lines = (args: string[]) =>
      [...store.attempt(["check", ...args, dir]).stdout.matchAll(/\$[ab](?= is not)/g)].join();
    expect(lines([])).toBe("$a,$b");
    expect(lines(["--target=a"])).toBe("$a");
    expect(store.attempt(["check", "--target=c", dir]).stderr).toContain("error[plan/unknown-stage]");
  });

  test("tells a source that .dockerignore leaves out, unless something is taken back in", () => {
    const dockerfile = "FROM scratch\nCOPY a.txt /\nCOPY . /all\n";
    const found = (ignore: string) =>
      json(
        store.attempt(["check", "--format=json", project(dockerfile, { ".dockerignore": ignore })]),
      ).warnings.map(({ detail }: { detail: string }) => /"([^"]*)"/.exec(detail)?.[1]);
    expect(found("*.txt\n")).toEqual(["a.txt"]);
    expect(found("*\n")).toEqual(["a.txt", "."]);
    expect(found("*\n!b\n")).toEqual([]);
    expect(found("# nothing\n")).toEqual([]);
  });

  test("builds nothing and keeps no record", () => {
    using own = cliStore("check-only");
    own.attempt(["check", project(TWO)]);
    expect(own.run(["builds", "ls", "-q"]).stdout).toBe("");
  });

  test("names that no rule has are told, with the nearest one", () => {
    const ran = store.attempt(["check", project(`# check=skip=StageNameCaseing\n${CLEAN}`)]);
    expect(ran.stderr).toBe(
      "note: check= names StageNameCaseing, which is no rule; did you mean StageNameCasing?\n",
    );
    expect(ran.status).toBe(0);
  });
});

describe("an error comes after the findings", () => {
  test("of the file itself: what stands above it is checked", () => {
    const ran = store.attempt([
      "check",
      project("FROM scratch AS A\nMAINTAINER me\nBADCMD\nMAINTAINER you\n"),
    ]);
    expect(ran.status).toBe(1);
    expect([...ran.stdout.matchAll(/^warning\[(\w+)\]/gm)].map(([, rule]) => rule)).toEqual([
      "StageNameCasing",
      "MaintainerDeprecated",
    ]);
    expect(ran.stdout).not.toContain("complete");
    expect(ran.stderr).toMatch(/^error\[dockerfile\/unknown-instruction\]/);
  });

  test.each([
    {
      name: "a port that is none",
      text: "FROM scratch\nEXPOSE x\n",
      code: "dockerfile/bad-arguments",
      line: 2,
    },
    {
      name: "of a stage that nobody needs",
      text: "FROM scratch\nEXPOSE x\nFROM scratch\n",
      code: "dockerfile/bad-arguments",
      line: 2,
    },
    {
      name: "a platform that is none",
      text: "FROM --platform=$PLATFROM scratch\n",
      code: "plan/platform",
      line: 1,
    },
    {
      name: "a directive",
      text: "# check=skp=all\nFROM scratch\n",
      code: "dockerfile/bad-directive",
      line: 1,
    },
    { name: "error=true", text: "# check=error=true\nFROM scratch AS B\n", code: "lint/violations", line: 2 },
  ])("$name", ({ text, code, line }) => {
    const dir = project(text);
    const ran = store.attempt(["check", dir]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain(`error[${code}]`);
    expect(ran.stderr).toContain(`Dockerfile:${line}:`);
    const { buildError } = json(store.attempt(["check", "--format=json", dir]));
    expect(buildError.location.ranges).toEqual([{ start: { line }, end: { line } }]);
    expect(ran.stderr).toContain(buildError.message);
  });
});

describe("--call=…,format=json", () => {
  test("has BuildKit's fields for a check", () => {
    const ran = store.attempt(["build", "--call=check,format=json", project(TWO)]);
    expect(ran.status).toBe(1);
    expect(json(ran)).toEqual({
      version: "1.0.0",
      warnings: [
        {
          ruleName: "StageNameCasing",
          description: expect.stringMatching(/\.$/),
          url: "docs/lint.md#stagenamecasing",
          detail: 'the stage name "Base" is not in lower case',
          location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] },
        },
        {
          ruleName: "UndefinedVar",
          description: expect.any(String),
          url: "docs/lint.md#undefinedvar",
          detail: "$foo is not defined here",
          location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
        },
      ],
      sources: [
        { filename: "Dockerfile", language: "Dockerfile", data: Buffer.from(TWO).toString("base64") },
      ],
    });
    expect(json(store.attempt(["check", "--format", "json", project(CLEAN)])).warnings).toEqual([]);
  });

  test("ignorestatus ends with 0, but never over an error", () => {
    expect(store.attempt(["--call=check,format=json,ignorestatus=true", project(TWO)]).status).toBe(0);
    expect(
      store.attempt(["--call=check,ignorestatus=true", project("FROM scratch\nEXPOSE x\n")]).status,
    ).toBe(1);
  });

  test("outline and targets", () => {
    const dir = project(
      "# TAG is the tag\nARG TAG=1\n# one is first\nFROM --platform=$BUILDPLATFORM scratch AS one\nARG TAG\n" +
        "ARG X=a\nFROM one\n",
    );
    expect(json(store.attempt(["--call=outline,format=json", "--target=one", dir]))).toMatchObject({
      name: "one",
      description: "is first",
      args: [
        { name: "TAG", description: "is the tag", value: "1" },
        { name: "X", value: "a" },
      ],
    });
    expect(json(store.attempt(["--call=targets,format=json", dir])).targets).toMatchObject([
      { name: "one", description: "is first", base: "scratch", platform: "$BUILDPLATFORM" },
      { default: true, base: "one" },
    ]);
    const outline = store.attempt(["--call=outline", "--target=one", "--build-arg=X=b", dir]);
    expect([outline.status, outline.stdout]).toMatchInlineSnapshot(`
      [
        0,
        "TARGET:      one
      DESCRIPTION: is first

      BUILD ARG   VALUE     DESCRIPTION
      TAG         1         is the tag
      X           b         

      ",
      ]
    `);
    const targets = store.attempt(["--call=targets", dir]);
    expect([targets.status, targets.stdout]).toMatchInlineSnapshot(`
      [
        0,
        "TARGET      BASE      PLATFORM         DESCRIPTION
      one         scratch   $BUILDPLATFORM   is first
      (default)   one                        
      ",
      ]
    `);
  });

  test.each(["outline", "targets"])("%s of a file with an error shows the place", (method) => {
    const ran = store.attempt([`--call=${method}`, project("FROM scratch\nCOPY a\n")]);
    expect([ran.status, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain(" > 2 | COPY a\n");
  });

  test.each([
    ["--call=subrequests.describe"],
    ["--call=check,format=xml"],
    ["--call=check,outline"],
    ["--call="],
  ])("%s is wrong usage", (flag) => {
    const ran = store.attempt([flag, project(CLEAN)]);
    expect([ran.status, ran.stderr.split(":")[0]]).toEqual([125, "error[cli/usage]"]);
  });

  test("--call=build builds", () => {
    const dir = project(CLEAN, { a: "x" });
    expect(store.run(["--call=build", "-q", dir]).stdout).toMatch(/^sha256:/);
    expect(store.run(["--check=false", "-q", dir]).stdout).toMatch(/^sha256:/);
  });
});
