import { basename, dirname, join } from "node:path";
import { type OutputFile, transform } from "esbuild";

export interface BuiltFile {
  readonly path: string;
  readonly contents: string;
}

/** What a file that has to stay an ES module gets in front: its CommonJS packages call require for node's own modules. */
export const ESM_BANNER = `import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);\n`;

/** `import.meta.url` of a file that is no ES module any more. */
const MODULE_URL = `const __moduleUrl=require("node:url").pathToFileURL(__filename).href;\n`;
const importModule = (folder: string) =>
  `const __importModule=(path)=>require("${folder}import-module.cjs")(require("node:path").join(__dirname,path));\n`;

/** import() does not work in code that the stub compiles itself; this file is loaded by node. */
const IMPORT_MODULE = `"use strict";module.exports=(path)=>import(require("node:url").pathToFileURL(path).href);\n`;

/**
 * The files of a split ESM bundle (named `.cjs`) as CommonJS: node loads thirty small CommonJS files in a third less time than
 * the same as ES modules, and a cached build is mostly loading. A file with a top-level await (the terminal screen's layout
 * engine) stays an ES module, renamed `.mjs`, and is imported as one.
 */
export async function toCommonJs(files: readonly OutputFile[]): Promise<readonly BuiltFile[]> {
  const converted = await Promise.all(files.map(async (file) => ({ file, code: await convert(file.text) })));
  const esm = converted.filter(({ code }) => code === undefined).map(({ file }) => basename(file.path));
  const folder = dirname(
    files.find((file) => basename(dirname(file.path)) === "program")?.path ?? "program/x",
  );
  const helper = { path: join(folder, "import-module.cjs"), contents: IMPORT_MODULE };
  const all = await Promise.all(
    converted.map(async ({ file, code }) => {
      if (code === undefined)
        return { path: file.path.replace(/\.cjs$/, ".mjs"), contents: ESM_BANNER + file.text };
      const contents = namesOneOf(file.text, esm) ? await convert(importAsModules(file.text, esm)) : code;
      return {
        path: file.path,
        contents: withPrelude(contents ?? "", dirname(file.path) === folder ? "./" : "./program/"),
      };
    }),
  );
  return [...all, helper];
}

/** Undefined where a top-level await stands in the way. */
async function convert(text: string): Promise<string | undefined> {
  try {
    const { code } = await transform(text, {
      format: "cjs",
      platform: "node",
      target: "node24",
      minifySyntax: true,
      minifyWhitespace: true,
      define: { "import.meta.url": "__moduleUrl" },
      // import() of a file beside this one becomes require().
      supported: { "dynamic-import": false },
      logLevel: "silent",
    });
    return code;
  } catch (error) {
    if (error instanceof Error && /top-level await/i.test(error.message)) return undefined;
    throw error;
  }
}

function namesOneOf(text: string, names: readonly string[]): boolean {
  return names.some((name) => text.includes(`/${name}"`));
}

/** `import("./x.cjs")` of a file that stayed an ES module, in a form that the conversion leaves alone. */
function importAsModules(text: string, names: readonly string[]): string {
  return text.replace(/\bimport\("(\.[^"]*\/)([^"/]+)\.cjs"\)/g, (call, folder: string, name: string) =>
    names.includes(`${name}.cjs`) ? `__importModule("${folder}${name}.mjs")` : call,
  );
}

function withPrelude(code: string, folder: string): string {
  const strict = '"use strict";';
  const needs = [
    ...(code.includes("__moduleUrl") ? [MODULE_URL] : []),
    ...(code.includes("__importModule(") ? [importModule(folder)] : []),
  ];
  return `${strict}${needs.join("")}${code.startsWith(strict) ? code.slice(strict.length) : code}`;
}
