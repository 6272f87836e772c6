import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** Lints files that are planted in a project with this project's own configuration. */
function lint(files: Readonly<Record<string, string>>): { status: number | null; output: string } {
  using project = tempDir("canary");
  for (const name of ["oxlint.config.ts", "boundaries.ts", "tsconfig.json", "package.json"]) {
    copyFileSync(join(PROJECT_ROOT, name), join(project.path, name));
  }
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(project.path, "node_modules"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project.path, path)), { recursive: true });
    writeFileSync(join(project.path, path), text);
  }
  const program = join(PROJECT_ROOT, "node_modules/oxlint/bin/oxlint");
  const done = spawnSync(process.execPath, [program, "src"], { cwd: project.path, encoding: "utf8" });
  return { status: done.status, output: done.stdout + done.stderr };
}

const STORE = "export const held = 1;\n";

test.each([
  {
    name: "a folder that may not be imported",
    path: "src/core/canary.ts",
    text: 'import { held } from "../store/held.ts";\nexport const again = held;\n',
    finding: "no-restricted-imports",
  },
  {
    name: "the pipeline from below",
    path: "src/store/canary.ts",
    text: 'import { build } from "../build.ts";\nexport const again = build;\n',
    finding: "no-restricted-imports",
  },
  {
    name: "the disk in a pure folder",
    path: "src/plan/canary.ts",
    text: 'import { readFileSync } from "node:fs";\nexport const read = readFileSync;\n',
    finding: "no-restricted-imports",
  },
  {
    name: "the environment in a pure folder",
    path: "src/solver/canary.ts",
    text: 'export const home = process.env["HOME"];\n',
    finding: "no-restricted-globals",
  },
  {
    name: "a promise that nobody waits for (the rules that need types are alive)",
    path: "src/store/canary.ts",
    text: "export function start(): void {\n  Promise.resolve(1);\n}\n",
    finding: "no-floating-promises",
  },
])("the linter catches $name", ({ path, text, finding }) => {
  const { status, output } = lint({
    "src/store/held.ts": STORE,
    "src/build.ts": "export const build = 1;\n",
    [path]: text,
  });
  expect(output).toContain(finding);
  expect(status).not.toBe(0);
});

test("the linter lets through what the table allows", () => {
  const { status, output } = lint({
    "src/core/word.ts": STORE,
    "src/store/fine.ts": 'import { held } from "../core/word.ts";\nexport const again = held;\n',
  });
  expect(output).toContain("0 errors");
  expect(status).toBe(0);
});
