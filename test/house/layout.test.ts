import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAY_IMPORT, PURE } from "../../boundaries.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";

const folders = readdirSync(join(PROJECT_ROOT, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const tracked = execFileSync("git", ["ls-files"], { cwd: PROJECT_ROOT, encoding: "utf8" })
  .trimEnd()
  .split("\n");

describe("every folder of src", () => {
  test("has a row in boundaries.ts: one without a row has no wall", () => {
    expect(folders.filter((folder) => MAY_IMPORT[folder] === undefined)).toEqual([]);
    expect(Object.keys(MAY_IMPORT).filter((folder) => !folders.includes(folder))).toEqual([]);
  });

  test.each(folders)("%s says In, Out, Promise and Not here in at most 20 lines", (folder) => {
    const path = join(PROJECT_ROOT, "src", folder, "README.md");
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    expect(text).toMatch(/\*\*In/);
    expect(text).toMatch(/\*\*Out/);
    expect(text).toMatch(/\*\*Promise/);
    expect(text).toMatch(/\*\*Not here/);
    expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(20);
  });
});

test("the table of walls has no circle", () => {
  const reaches = (from: string, seen: ReadonlySet<string> = new Set()): readonly string[] =>
    (MAY_IMPORT[from] ?? []).flatMap((next) =>
      seen.has(next) ? [] : [next, ...reaches(next, new Set([...seen, next]))],
    );
  expect(Object.keys(MAY_IMPORT).filter((folder) => reaches(folder).includes(folder))).toEqual([]);
  const impure = PURE.flatMap((folder) => reaches(folder).filter((below) => !PURE.includes(below)));
  expect(impure).toEqual([]);
});

test("no file of the project is generated, archived or large", () => {
  const odd = tracked.filter((path) => /(^|\/)(node_modules|dist)\/|\.(tgz|tar|log|zip)$/.test(path));
  expect(odd).toEqual([]);
});

describe("package.json", () => {
  const about = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8")) as {
    engines: { node: string };
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    files: string[];
  };

  test("pins every version", () => {
    const ranges = Object.entries({ ...about.dependencies, ...about.devDependencies });
    expect(ranges.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("asks for the Node that the program's stub lets in", () => {
    expect(about.engines.node).toBe("^24 || >=26");
  });

  test("has a lockfile that names no registry", () => {
    expect(readFileSync(join(PROJECT_ROOT, "package-lock.json"), "utf8")).not.toContain('"resolved"');
  });
});
