import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tempDir } from "../helpers/temp-dir.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const work = tempDir("pack");
const store = join(work.path, "store");
let tarball = "";

beforeAll(() => {
  npm(ROOT, ["pack", "--silent", "--pack-destination", work.path]);
  const name = readdirSync(work.path).find((file) => file.endsWith(".tgz"));
  tarball = join(work.path, name ?? "");
});
afterAll(() => work[Symbol.dispose]());

describe("the packed tarball, in an empty folder with its own Node 24", () => {
  const folder = join(work.path, "with-node");
  const example = join(folder, "hello");

  beforeAll(() => {
    mkdirSync(example, { recursive: true });
    for (const name of readdirSync(join(ROOT, "examples/hello")))
      copyFileSync(join(ROOT, "examples/hello", name), join(example, name));
    npm(folder, ["init", "-y"]);
    npm(folder, ["install", "--prefer-offline", "--no-audit", "--no-fund", "node@24", tarball]);
  });

  test("makes a base, builds hello, builds it again with every step a HIT, and runs it", () => {
    npx(folder, ["base", "create", "base"]);
    npx(folder, ["-t", "hello:1.0.0", example]);
    const lines = npx(folder, ["-t", "hello:1.0.0", "--progress=json", example]).trimEnd().split("\n");
    const { steps } = JSON.parse(lines.at(-1) ?? "") as { steps: { result: string }[] };
    expect(steps.map((step) => step.result)).toEqual(["HIT", "HIT", "HIT", "HIT", "HIT"]);
    expect(npx(folder, ["run", "hello:1.0.0"])).toBe("Hello, World!\n");
  });

  test("is a library whose types a strict TypeScript program can use", () => {
    const program = join(folder, "use.mts");
    copyFileSync(join(ROOT, "test/pack/use-library.txt"), program);
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const flags = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--lib",
      "es2024,esnext.disposable",
    ];
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const done = spawnSync(process.execPath, [compiler, ...flags, ...types, program], { encoding: "utf8" });
    expect(done.stdout).toBe("");
  });

  test("installs nothing but itself and the native part", () => {
    const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")) as {
      packages: Record<string, unknown>;
    };
    const names = Object.keys(lock.packages).map((path) => path.replace(/^node_modules\//, ""));
    expect(names.filter((name) => !/^($|node|tsbuild|koffi|@koromix\/)/.test(name))).toEqual([]);
  });
});

test("without a Node that is new enough the program says so in one line and ends with 1", () => {
  const folder = join(work.path, "without-node");
  mkdirSync(folder);
  npm(folder, ["init", "-y"]);
  npm(folder, ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball]);
  const done = spawnSync(systemNode(), [join(folder, "node_modules/tsbuild/dist/tsbuild.cjs"), "version"], {
    encoding: "utf8",
  });
  const major = Number.parseInt(execFileSync(systemNode(), ["--version"], { encoding: "utf8" }).slice(1), 10);
  const isNewEnough = major === 24 || major > 25;
  expect(done.status).toBe(isNewEnough ? 0 : 1);
  expect(done.stderr).toMatch(
    isNewEnough ? /^$/ : /^tsbuild needs Node 24, or 26 and newer; this is Node [^\n]*\n$/,
  );
});

/** The first node on the PATH that no npm folder brought. */
function systemNode(): string {
  return execFileSync("sh", ["-c", "command -v node"], {
    encoding: "utf8",
    env: { PATH: systemPath() },
  }).trim();
}

/** As in a shell outside this checkout: what npm put in front is left out. */
function systemPath(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders
    .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))
    .join(delimiter);
}

function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("npm_") || name === "npm_config_registry",
  );
  return { ...Object.fromEntries(own), PATH: systemPath(), TSBUILD_HOME: store };
}

function npm(cwd: string, args: readonly string[]): string {
  return execFileSync("npm", args, {
    cwd,
    encoding: "utf8",
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function npx(cwd: string, args: readonly string[]): string {
  return execFileSync("npx", ["tsbuild", ...args], {
    cwd,
    encoding: "utf8",
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
}
