import { describe, expect, test } from "vitest";
import { BuildError } from "../../src/core/errors.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { planBuild } from "../../src/plan/plan.ts";
import { buildStageGraph } from "../../src/plan/stages.ts";
import type { BuildPlan, PlanOptions } from "../../src/plan/types.ts";

const LINUX = { os: "linux", architecture: "amd64" };
const OPTIONS: PlanOptions = {
  buildArgs: { GIVEN: "1" },
  labels: {},
  platform: LINUX,
  buildPlatform: LINUX,
  network: "host",
};

function plan(text: string): BuildPlan {
  const ast = parseDockerfile({ name: "Dockerfile", text });
  return planBuild(ast, buildStageGraph(ast, OPTIONS, new Map()), OPTIONS, new Map());
}

function failure(text: string): BuildError {
  try {
    plan(text);
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error("it should fail");
}

describe("names that every object has are names like any other", () => {
  test.each(["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__"])("%s", (name) => {
    const { target } = plan(
      `ARG ${name}\nFROM scratch\nARG ${name}\nENV first=[$${name}]\nARG ${name}=x\nENV second=[$${name}] ${name}=y\nLABEL ${name}=z\n`,
    );
    expect(target.config.Env?.slice(1)).toEqual(["first=[]", "second=[x]", `${name}=y`]);
    expect(Object.entries(target.config.Labels ?? {})).toEqual([[name, "z"]]);
  });
});

describe("values that grow out of themselves are refused, and told in a line", () => {
  test.each([
    {
      name: "a variable that doubles with each line",
      text: `FROM scratch\nENV A=0123456789\n${"ENV A=$A$A\n".repeat(40)}`,
    },
    {
      name: "inside double quotes",
      text: `FROM scratch\nENV A=0123456789\n${'ENV A="$A$A$A$A"\n'.repeat(40)}`,
    },
    {
      name: "a replacement that is as long as what it is put into",
      text: `FROM scratch\nENV A=0123456789\n${"ENV A=$A$A\n".repeat(16)}ENV B=\${A//?/$A}\n`,
    },
  ])("$name", ({ text }) => {
    const error = failure(text);
    expect(error.code).toBe("dockerfile/bad-expansion");
    expect(error.message).toContain("longer than 4 MiB");
    expect(error.message.length).toBeLessThan(1000);
    expect(error.details.hint).toContain("COPY");
    expect(error.details.at?.line).toBeGreaterThan(1);
  });
});

test("20,000 stages, each FROM the one above: planned, not recursed into", () => {
  const stages = Array.from({ length: 20_000 }, (_, i) => `FROM s${i} AS s${i + 1}\nRUN true\n`);
  const { target, steps } = plan(`FROM scratch AS s0\n${stages.join("")}`);
  expect(target.index).toBe(20_000);
  expect(steps.size).toBe(20_001);
});

test("a circle of stages is named once around, first stage at both ends", () => {
  const text = "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=c / /\nFROM a AS c\n";
  expect(failure(text).message).toBe("the stages need each other in a circle: c → a → b → c");
});

test("of two stages with one name a FROM means the nearer above it", () => {
  const { target } = plan("FROM scratch AS x\nENV A=1\nFROM scratch AS x\nENV A=2\nFROM X\nFROM x\n");
  expect(target.config.Env).toContain("A=2");
});

test("an ENV set again moves for expansion and stays where it is in the configuration", () => {
  const lines = Array.from({ length: 300 }, (_, i) => `ENV V${i % 100}=${i} W="$V${(i + 1) % 100}"\n`);
  const { target } = plan(`FROM scratch\n${lines.join("")}`);
  expect(target.config.Env?.slice(0, 3)).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "V0=200",
    "W=200",
  ]);
  expect(target.config.Env).toHaveLength(102);
});

test("relative WORKDIRs end where a path does", () => {
  expect(plan(`FROM scratch\n${"WORKDIR abcdefg\n".repeat(500)}`).target.config.WorkingDir).toHaveLength(
    4000,
  );
  const error = failure(`FROM scratch\n${"WORKDIR abcdefg\n".repeat(600)}`);
  expect(error).toMatchObject({ code: "dockerfile/bad-arguments", details: { at: { line: 513 } } });
});

test("a VOLUME that is nothing once expanded says what to do", () => {
  const error = failure('FROM scratch\nVOLUME ["$UNSET"]\n');
  expect(error.code).toBe("dockerfile/bad-arguments");
  expect(error.details.hint).toContain("--build-arg");
});

test("an error that quotes megabytes is cut in its middle, the cause kept at its end", () => {
  const error = new BuildError("dockerfile/bad-arguments", `${"x".repeat(1_000_000)} is no port`, {
    hint: "y".repeat(1_000_000),
  });
  expect(error.message).toMatch(/^x{600} … x+ is no port$/);
  expect(error.details.hint?.length).toBeLessThan(1000);
});
