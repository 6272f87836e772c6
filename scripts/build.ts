/**
 * Bundles src/ into dist/: `node scripts/build.ts [--watch] [--root DIR]`. Runs as `prepare`, so it must be quick and must not
 * fail over a type error (that is what `npm run check` is for).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BuildOptions, build, context, type PluginBuild } from "esbuild";
import { type BuiltFile, ESM_BANNER, toCommonJs } from "./common-js.ts";
import { licenseTexts } from "./license-texts.ts";
import { mergeStartup } from "./merge-startup.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

/** Left as packages: koffi is a native addon, react-devtools-core is asked for by ink in its own development mode only. */
const EXTERNAL = ["koffi", "react-devtools-core"];

const { values } = parseArgs({
  options: { watch: { type: "boolean", default: false }, root: { type: "string", default: dirname(HERE) } },
});
const root = resolve(values.root);
const dist = join(root, "dist");

const COMMON = {
  absWorkingDir: root,
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"' },
  external: EXTERNAL,
  format: "esm",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  minifySyntax: true,
  minifyWhitespace: true,
  platform: "node",
  splitting: true,
  target: "node24",
  write: false,
} as const satisfies BuildOptions;

if (values.watch) {
  const plugins = [{ name: "rebuild", setup: onEachBuild }];
  const watching = await context({ ...COMMON, entryPoints: programEntry(), outdir: dist, plugins });
  await watching.watch();
} else {
  await buildAll();
}

async function buildAll(): Promise<void> {
  const [program, library] = await Promise.all([bundleProgram(), bundleLibrary(), declare()]);
  writeAll([...program.files, ...library.files]);
  const inputs = new Set([...program.inputs, ...library.inputs]);
  writeFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), licenseTexts(root, [...inputs]));
}

interface Bundle {
  readonly files: readonly BuiltFile[];
  /** Source files, relative to the root. */
  readonly inputs: readonly string[];
}

/** The command line, in files that start fast; what only some commands need is loaded by them. */
async function bundleProgram(): Promise<Bundle> {
  const result = await build({
    ...COMMON,
    entryPoints: programEntry(),
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    chunkNames: "program/[name]-[hash]",
  });
  const files = mergeStartup(await toCommonJs(result.outputFiles), result.metafile, "cli.cjs");
  return { files, inputs: Object.keys(result.metafile.inputs) };
}

/** The library, and workers, which are entries of their own because they are loaded by path. */
async function bundleLibrary(): Promise<Bundle> {
  const workers = globSync("src/**/*-worker.ts", { cwd: root }).toSorted();
  const named = workers.map((path): [string, string] => [path.replace(/^.*\/|\.ts$/g, ""), path]);
  const result = await build({
    ...COMMON,
    entryPoints: { index: "src/index.ts", ...Object.fromEntries(named) },
    outdir: dist,
    chunkNames: "library/[name]-[hash]",
    banner: { js: ESM_BANNER },
  });
  const files = result.outputFiles.map((file) => ({ path: file.path, contents: file.text }));
  return { files, inputs: Object.keys(result.metafile.inputs) };
}

function programEntry(): Record<string, string> {
  return { cli: "src/cli/main.ts" };
}

/**
 * Chunks first, entries last, each by rename: a tsbuild that starts during a build finds either the old program or the new
 * one. Then what no longer belongs is removed.
 */
function writeAll(files: readonly BuiltFile[]): void {
  const chunksFirst = files.toSorted((a, b) => depth(b.path) - depth(a.path));
  for (const file of chunksFirst) {
    mkdirSync(dirname(file.path), { recursive: true });
    replaceFile(file.path, (temp) => writeFileSync(temp, file.contents));
  }
  replaceFile(join(dist, "tsbuild.cjs"), (temp) => copyFileSync(join(HERE, "tsbuild.cjs"), temp), true);
  removeAllBut(new Set([...files.map((file) => file.path), join(dist, "tsbuild.cjs")]));
}

function replaceFile(path: string, write: (temp: string) => void, executable = false): void {
  const temp = `${path}.${process.pid}`;
  write(temp);
  if (executable) chmodSync(temp, 0o755);
  renameSync(temp, path);
}

function removeAllBut(kept: ReadonlySet<string>): void {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && /\.[cm]?js$/.test(path) && !kept.has(path)) rmSync(path, { force: true });
  }
}

function depth(path: string): number {
  return relative(dist, path).split("/").length;
}

/** Type declarations of the library's surface, unchecked: tsconfig.types.json. */
async function declare(): Promise<void> {
  const config = join(root, "tsconfig.types.json");
  if (!existsSync(config)) return;
  const compiler = createRequire(import.meta.url).resolve("typescript/package.json");
  const child = spawn(process.execPath, [join(dirname(compiler), "bin/tsc"), "-p", config], {
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the type declarations could not be written: tsc ended with ${code}`);
}

/** esbuild watches the sources; what is written is a build of everything. */
function onEachBuild(hooks: PluginBuild): void {
  hooks.onEnd(async (result) => {
    if (result.errors.length > 0) return;
    await buildAll();
    console.log(`built ${relative(process.cwd(), dist)} at ${new Date().toLocaleTimeString()}`);
  });
}
