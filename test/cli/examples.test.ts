import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const HELLO = join(PROJECT_ROOT, "examples/hello");

interface Result {
  readonly image: { readonly id: string };
  readonly steps: readonly { readonly result: string }[];
}

function resultOf(output: string): Result {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Result;
}

test("examples/hello builds, builds again with every step a HIT, and greets", () => {
  using dir = tempDir("example");
  const home = join(dir.path, "store");
  tsbuild(["base", "create", "base"], { home });
  const first = resultOf(tsbuild(["build", "--progress=json", "-t", "hello:1.0.0", HELLO], { home }).stdout);
  const again = resultOf(tsbuild(["build", "--progress=json", "-t", "hello:1.0.0", HELLO], { home }).stdout);
  expect(again.image.id).toBe(first.image.id);
  expect(new Set(again.steps.map((step) => step.result))).toEqual(new Set(["HIT"]));
  expect(tsbuild(["run", "hello:1.0.0"], { home }).stdout).toBe("Hello, World!\n");
});

test("examples/library builds through the library, and names the file that was edited", () => {
  using dir = tempDir("library");
  const home = join(dir.path, "store");
  const context = join(dir.path, "hello");
  cpSync(HELLO, context, { recursive: true });
  tsbuild(["base", "create", "base"], { home });
  const run = () => {
    const script = join(PROJECT_ROOT, "examples/library/build.ts");
    const done = spawnSync(process.execPath, [script, home, context, "hello:library"], {
      cwd: PROJECT_ROOT,
      encoding: "utf8",
    });
    expect(done.stderr).toBe("");
    return done.stdout;
  };
  expect(run()).toContain("MISS");
  expect(run()).not.toContain("MISS");
  writeFileSync(join(context, "app.sh"), `${readFileSync(join(context, "app.sh"), "utf8")}\n`);
  expect(run()).toContain("COPY . /app: file-content app.sh");
});

test("the library loads neither ink nor react, and nothing happens on import", () => {
  const code = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); loaded.push(found.url); return found; } });
    const { createEngine } = await import("tsbuild");
    const sources = loaded.filter((url) => url.startsWith("file:"));
    console.log(JSON.stringify({ type: typeof createEngine, screens: sources.filter((url) => /ink|react|render-build/.test(url)) }));`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    cwd: PROJECT_ROOT,
    encoding: "utf8",
  });
  expect(JSON.parse(done.stdout)).toEqual({ type: "function", screens: [] });
});
