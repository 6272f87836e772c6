import { basename, dirname, join } from "node:path";
import type { Metafile } from "esbuild";
import type { BuiltFile } from "./common-js.ts";

/** The file of what only a build with work to do loads. */
const WORK_FILE = "work.cjs";

/**
 * The entry and every chunk that it always loads, as one file, and what every build with work to do loads besides, as a second
 * one: a cached build is mostly the loading of its own code, and one file is found, read and taken from the compile cache once. A
 * chunk stays a function of its own, run at its first require; its file becomes a stub that asks the merged file for it, so
 * that chunks loaded later meet the same modules.
 */
export function mergeStartup(
  files: readonly BuiltFile[],
  metafile: Metafile,
  entry: string,
): readonly BuiltFile[] {
  const { startup, work } = chunksOf(metafile, entry);
  const main = files.find((file) => basename(file.path) === entry);
  if (main === undefined) throw new Error(`${entry} was not built`);
  const merged = new Set([...startup, ...work]);
  const folder = basename(
    dirname(files.find((file) => merged.has(basename(file.path)))?.path ?? join("program", "x")),
  );
  const link = (contents: string) => linkParts(contents.replaceAll('("./', `("./${folder}/`), merged, folder);
  const partsOf = (names: ReadonlySet<string>) =>
    files
      .filter(({ path }) => names.has(basename(path)))
      .map(({ path, contents }) => `${JSON.stringify(basename(path))}(module,exports){${link(contents)}\n}`)
      .join(",");
  const own = linkParts(main.contents, merged, folder);
  const fromWork = `return __entry.exports.__file("${WORK_FILE}").__part(name)`;
  const contents = `"use strict";const __parts={${partsOf(startup)}};${loader(fromWork)}${MAIN}(function(module,exports){${own}\n})(__main,__main.exports);`;
  const fromEntry = `return require("./${entry}").__part(name)`;
  const workContents = `"use strict";const __parts={${partsOf(work)}};${loader(fromEntry)}module.exports={__part};`;
  const stubbed = files.map((file) => {
    if (file === main) return { path: file.path, contents };
    const name = basename(file.path);
    if (startup.has(name)) return { path: file.path, contents: stub(`require("../${entry}")`, name) };
    if (!work.has(name)) return file;
    return { path: file.path, contents: stub(`require("../${entry}").__file("${WORK_FILE}")`, name) };
  });
  return [...stubbed, { path: join(dirname(main.path), WORK_FILE), contents: workContents }];
}

/** The exports are there before anything runs: a chunk that is loaded later may ask for a part at once. */
function loader(otherwise: string): string {
  return (
    "const __loaded=Object.create(null);" +
    "const __part=(name)=>{let module=__loaded[name];if(module===undefined){" +
    `if(!Object.hasOwn(__parts,name)){${otherwise}}` +
    "module=__loaded[name]={exports:{}};__parts[name](module,module.exports)}return module.exports};"
  );
}

/** `__file` loads a merged file beside this one; the bin puts its own in place, which keeps compiled code. */
const MAIN =
  "const __entry=module,__main={exports:{}};" +
  'module.exports={get main(){return __main.exports.main},__part,__file:(name)=>require("./"+name)};';

function stub(from: string, name: string): string {
  return `"use strict";module.exports=${from}.__part(${JSON.stringify(name)});`;
}

/** Requires of merged chunks become look-ups; a part needs no directive of its own. */
function linkParts(code: string, merged: ReadonlySet<string>, folder: string): string {
  const linked = code.replace(/\brequire\("\.\/([^"]+)"\)/g, (call, path: string) => {
    const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
    return merged.has(name) ? `__part(${JSON.stringify(name)})` : call;
  });
  return linked.startsWith('"use strict";') ? linked.slice('"use strict";'.length) : linked;
}

/** What every build that has work to do loads: not worth a file each. */
const WORK = [
  "src/executor/choose-executor.ts",
  "src/layer/ingest.ts",
  "src/layer/pack.ts",
  "src/snapshot/workspaces.ts",
  "src/steps/execute.ts",
];

/** File names of the chunks that the entry imports by statements, and they in turn; and what the work of a step adds to them. */
function chunksOf({ outputs }: Metafile, entry: string) {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const closure = (roots: readonly string[]): Set<string> => {
    const names = new Set<string>();
    const open = [...roots];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      for (const { path, kind } of byName.get(name)?.imports ?? []) {
        const next = basename(path);
        if (kind !== "import-statement" || !byName.has(next) || names.has(next)) continue;
        names.add(next);
        open.push(next);
      }
    }
    return names;
  };
  const roots = Object.entries(outputs)
    .filter(([, output]) => output.entryPoint !== undefined && WORK.includes(output.entryPoint))
    .map(([path]) => basename(path));
  const startup = closure([entry]);
  const work = new Set([...roots, ...closure(roots)].filter((name) => !startup.has(name)));
  return { startup, work };
}
