import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BuildError } from "../../src/core/errors.ts";
import type { Finding } from "../../src/lint/finding-list.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { lintText } from "./lint-text.ts";

const parserData = sharedData("conformance/parser/dockerfiles");
const casesData = sharedData("conformance/cases");

/** Undefined where the file is one that a build refuses. */
function lint(path: string): readonly Finding[] | undefined {
  try {
    return lintText(readFileSync(path, "utf8"), { isIgnored: () => true });
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function folders(root: string | undefined): readonly string[] {
  return root === undefined ? [] : readdirSync(root).map((name) => join(root, name));
}

describe.skipIf(parserData === undefined)("BuildKit's recorded warnings of the parser", () => {
  const recorded = folders(parserData).map((dir) => ({
    path: join(dir, "Dockerfile"),
    warnings: (JSON.parse(readFileSync(join(dir, "expected.json"), "utf8")).warnings ?? []) as string[],
  }));

  test("some are recorded", () => {
    expect(recorded.some(({ warnings }) => warnings.length > 0)).toBe(true);
  });

  test("are found in the same number, all of empty lines, in every file that is read", () => {
    const read = recorded.flatMap(({ path, warnings }) => {
      const found = lint(path)?.filter(({ rule }) => rule === "NoEmptyContinuation");
      return found === undefined ? [] : [{ path, found: found.length, recorded: warnings.length }];
    });
    expect(read.filter((each) => each.found !== each.recorded)).toEqual([]);
  });
});

describe.skipIf(casesData === undefined)("the recorded builds", () => {
  test("are checked without a failure", () => {
    const files = folders(casesData).flatMap((dir) =>
      ["Dockerfile", "context/Dockerfile"].map((name) => join(dir, name)).filter((path) => existsSync(path)),
    );
    expect(files.length).toBeGreaterThan(500);
    for (const file of files) lint(file);
  });
});
