import { describe, expect, test } from "vitest";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import {
  checkSettings,
  parseCheckSettings,
  settingsUnder,
  unknownRules,
} from "../../src/lint/check-settings.ts";
import { lintText } from "./lint-text.ts";

const TWO = "FROM scratch as base\nlabel a=b\nLABEL c=d\n";

const names = (text: string, buildArgs: Record<string, string> = {}) =>
  lintText(text, { buildArgs }).map(({ rule }) => rule);

describe("# check= at the top", () => {
  test.each([
    { check: "", finds: ["FromAsCasing", "ConsistentInstructionCasing"] },
    { check: "#check=skip=all\n", finds: [] },
    { check: "# check=skip=FromAsCasing\n", finds: ["ConsistentInstructionCasing"] },
    { check: "# check = skip=FromAsCasing,ConsistentInstructionCasing\n", finds: [] },
    // BuildKit reads up to the first blank.
    {
      check: "# check=skip=FromAsCasing, ConsistentInstructionCasing\n",
      finds: ["ConsistentInstructionCasing"],
    },
    { check: "# syntax=docker/dockerfile:1\n# check=skip=all;error=true\n", finds: [] },
    { check: "# check=skip=fromascasing\n", finds: ["FromAsCasing", "ConsistentInstructionCasing"] },
    { check: "# check=experimental=all;skip=all\n", finds: [] },
    { check: "# a comment first\n# check=skip=all\n", finds: ["ConsistentInstructionCasing"] },
  ])("$check finds $finds", ({ check, finds }) => {
    expect(names(check + TWO)).toEqual(finds);
  });

  test("a build argument takes its place as a whole", () => {
    const text = `# check=skip=all\n${TWO}`;
    expect(names(text, { BUILDKIT_DOCKERFILE_CHECK: "skip=FromAsCasing" })).toEqual([
      "ConsistentInstructionCasing",
    ]);
    expect(names(TWO, { BUILDKIT_DOCKERFILE_CHECK: "skip=all" })).toEqual([]);
    expect(names(text, { BUILDKIT_DOCKERFILE_CHECK: "" })).toHaveLength(2);
  });

  test("experimental rules are added by an argument of their own", () => {
    const text = "# of nobody\nARG a=1\nFROM scratch\n";
    expect(names(text, { BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL: "all" })).toEqual([
      "InvalidDefinitionDescription",
    ]);
    expect(
      names(text, { BUILDKIT_DOCKERFILE_CHECK: "experimental=InvalidDefinitionDescription" }),
    ).toHaveLength(1);
    expect(names(text)).toEqual([]);
  });
});

describe("# check= above an instruction", () => {
  test.each([
    { name: "names the rule", comment: "# check=skip=JSONArgsRecommended", finds: [] },
    {
      name: "with a reason behind it",
      comment: "# check=skip=JSONArgsRecommended // a shell is wanted",
      finds: [],
    },
    { name: "all", comment: "# check=skip=all", finds: [] },
    { name: "among others", comment: "# why: see below\n# check=skip=JSONArgsRecommended\n# so", finds: [] },
    { name: "another rule", comment: "# check=skip=FromAsCasing", finds: ["JSONArgsRecommended"] },
    {
      name: "the first one counts",
      comment: "# check=skip=X\n# check=skip=all",
      finds: ["JSONArgsRecommended"],
    },
    { name: "a wrong one is a comment", comment: "# check=skip", finds: ["JSONArgsRecommended"] },
    { name: "parted by an empty comment", comment: "# check=skip=all\n#", finds: ["JSONArgsRecommended"] },
  ])("$name", ({ comment, finds }) => {
    expect(names(`FROM scratch\n${comment}\nCMD run\n`)).toEqual(finds);
  });

  test("holds for that one alone", () => {
    expect(names("FROM scratch\n# check=skip=all\nENV password=a\nENV token=b\n")).toEqual([
      "SecretsUsedInArgOrEnv",
    ]);
  });

  test("holds for FROM, and not for rules that look at the file as a whole", () => {
    expect(names("FROM scratch\n# check=skip=all\nFROM --platform=$TARGETPLATFORM scratch as A\n")).toEqual(
      [],
    );
    expect(names("FROM scratch AS a\n# check=skip=all\nFROM scratch AS a\n")).toEqual(["DuplicateStageName"]);
  });

  test("switches experimental rules on, never error=true", () => {
    const settings = parseCheckSettings("skip=A");
    if (typeof settings === "string") throw new Error(settings);
    expect(settingsUnder(["check=experimental=all;error=true"], settings)).toEqual({
      skip: new Set(["A"]),
      experimental: "all",
      error: false,
    });
  });
});

describe("what is wrong is said", () => {
  test.each([
    { text: "skip", says: "no setting=value" },
    { text: "skipp=a", says: '"skipp" is no setting' },
    { text: "error=maybe", says: "true or false" },
    { text: "skip=a;skip=b;error=true;x=1", says: "true or false" },
  ])("$text", ({ text, says }) => {
    expect(parseCheckSettings(text)).toContain(says);
  });

  test("at its place in the file", () => {
    const ast = parseDockerfile({ name: "Dockerfile", text: "# syntax=x\n  # check=foo=1\nFROM scratch\n" });
    const failing = () => checkSettings(ast, {});
    expect(failing).toThrow(
      expect.objectContaining({
        code: "dockerfile/bad-directive",
        details: expect.objectContaining({ at: { line: 2, column: 3, endLine: 2, endColumn: 16 } }),
      }),
    );
  });

  test("of a build argument as wrong usage", () => {
    const ast = parseDockerfile({ name: "Dockerfile", text: "FROM scratch\n" });
    expect(() => checkSettings(ast, { BUILDKIT_DOCKERFILE_CHECK: "skp=all" })).toThrow(
      expect.objectContaining({ code: "cli/usage" }),
    );
  });

  test("a name of no rule is kept and told", () => {
    const settings = parseCheckSettings("skip=UndefindVar,FromAsCasing;experimental=Nothing");
    if (typeof settings === "string") throw new Error(settings);
    expect(unknownRules(settings)).toEqual([
      "check= names UndefindVar, which is no rule; did you mean UndefinedVar?",
      "check= names Nothing, which is no rule",
    ]);
  });
});
