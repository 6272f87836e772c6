import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A stand-in for src with one thing of each kind: a lazily loaded screen, a CommonJS package, an addon, a worker. */
const SOURCES: Readonly<Record<string, string>> = {
  "src/cli/main.ts": `
    export async function main(argv: readonly string[]): Promise<number> {
      if (argv[0] === "draw") console.log((await import("../tui/screen.tsx")).screen());
      else console.log(JSON.stringify(argv));
      return argv.length;
    }`,
  "src/tui/screen.tsx": `
    import { renderToString, Text } from "ink";
    export const screen = () => renderToString(<Text>drawn</Text>);`,
  "src/index.ts": `
    import { pack } from "tar-stream";
    export { version } from "./addon.ts";
    export const packer: typeof pack = pack;`,
  "src/addon.ts": `import koffi from "koffi"; export const version: string = koffi.version;`,
  "src/layer/some-worker.ts": "export const work = 1;",
};

const project = tempDir("build");
const dist = join(project.path, "dist");

beforeAll(() => {
  for (const name of ["package.json", "tsconfig.json", "tsconfig.types.json"])
    cpSync(join(PROJECT_ROOT, name), join(project.path, name));
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(project.path, "node_modules"));
  for (const [path, text] of Object.entries(SOURCES)) {
    mkdirSync(dirname(join(project.path, path)), { recursive: true });
    writeFileSync(join(project.path, path), text);
  }
  mkdirSync(join(dist, "program"), { recursive: true });
  writeFileSync(join(dist, "program/of-an-earlier-build.cjs"), "");
  const done = spawnSync(process.execPath, [join(PROJECT_ROOT, "scripts/build.ts"), "--root", project.path], {
    encoding: "utf8",
  });
  if (done.status !== 0 || done.stderr !== "") throw new Error(`the build script: ${done.stderr}`);
});
afterAll(() => project[Symbol.dispose]());

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const home = { HOME: project.path, XDG_CACHE_HOME: join(project.path, "caches"), TMPDIR: project.path };
  return spawnSync(process.execPath, [join(dist, "tsbuild.cjs"), ...args], {
    encoding: "utf8",
    env: { ...home, ...env },
  });
}

describe("the built program", () => {
  test("hands its arguments to main and ends with the code that main gives", () => {
    const done = run(["-t", "a b"]);
    expect([done.stdout, done.stderr, done.status]).toEqual(['["-t","a b"]\n', "", 2]);
  });

  test("has the terminal screen in a chunk that is loaded only when it is asked for", () => {
    expect(readFileSync(join(dist, "cli.cjs"), "utf8")).not.toContain("react");
    expect(run(["draw"]).stdout).toBe("drawn\n");
  });

  test("keeps compiled code in the user's cache folder, for this user alone", () => {
    run([]);
    const folder = join(project.path, "caches/tsbuild/compile");
    expect(readdirSync(folder).length).toBeGreaterThan(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
  });

  test("does not load compiled code from a folder that others can write", () => {
    const caches = join(project.path, "shared-caches");
    mkdirSync(join(caches, "tsbuild/compile"), { recursive: true });
    chmodSync(join(caches, "tsbuild"), 0o777);
    expect(run([], { XDG_CACHE_HOME: caches }).status).toBe(0);
    expect(readdirSync(join(caches, "tsbuild/compile"))).toEqual([]);
  });

  test("leaves the place of compiled code to NODE_COMPILE_CACHE", () => {
    const chosen = join(project.path, "chosen");
    run([], { NODE_COMPILE_CACHE: chosen, XDG_CACHE_HOME: join(project.path, "unused") });
    expect([existsSync(chosen), existsSync(join(project.path, "unused"))]).toEqual([true, false]);
  });
});

describe("the build", () => {
  test("makes a library that loads CommonJS packages and the addon", async () => {
    const library = (await import(pathToFileURL(join(dist, "index.js")).href)) as {
      packer: () => object;
      version: string;
    };
    expect(library.version).toMatch(/^\d/);
    expect(typeof library.packer).toBe("function");
  });

  test("writes types, an entry for each worker, and the licences of what it bundles", () => {
    expect(readFileSync(join(dist, "types/index.d.ts"), "utf8")).toContain("version");
    expect(existsSync(join(dist, "some-worker.js"))).toBe(true);
    const licences = readFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), "utf8");
    expect(licences).toMatch(/^ink /m);
    expect(licences).not.toMatch(/^koffi /m);
  });

  test("removes what an earlier build left", () => {
    expect(readdirSync(join(dist, "program"))).not.toContain("of-an-earlier-build.cjs");
  });
});

test("the stub has nothing in it that a Node of ten years ago cannot parse", () => {
  const text = readFileSync(join(dist, "tsbuild.cjs"), "utf8").replace(/\/\/.*$/gm, "");
  expect(text).not.toMatch(/=>|`|\?\.|\?\?|\b(let|const|class|async|await|import)\b/);
});
