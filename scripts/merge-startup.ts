import { basename, dirname, join } from "node:path";
import type { Metafile } from "esbuild";
import type { BuiltFile } from "./common-js.ts";

/**
 * The entry and every chunk that it always loads, as one file: a cached build is mostly the loading of its own code, and one
 * file is found, read and taken from the compile cache once. A chunk stays a function of its own, run at its first require; its
 * file becomes a stub that asks the entry for it, so that chunks loaded later meet the same modules.
 */
export function mergeStartup(
  files: readonly BuiltFile[],
  metafile: Metafile,
  entry: string,
): readonly BuiltFile[] {
  const merged = staticClosure(metafile, entry);
  const parts = files.filter((file) => merged.has(basename(file.path)));
  const main = files.find((file) => basename(file.path) === entry);
  if (main === undefined) throw new Error(`${entry} was not built`);
  const folder = basename(dirname(parts[0]?.path ?? join("program", "x")));
  const functions = parts.map(({ path, contents }) => {
    const code = linkParts(contents.replaceAll('("./', `("./${folder}/`), merged, folder);
    return `${JSON.stringify(basename(path))}(module,exports){${code}\n}`;
  });
  const own = linkParts(main.contents, merged, folder);
  const contents = `"use strict";const __parts={${functions.join(",")}};${LOADER}(function(module,exports){${own}\n})(__main,__main.exports);`;
  return files.map((file) => {
    if (file === main) return { path: file.path, contents };
    const name = basename(file.path);
    return merged.has(name) ? { path: file.path, contents: stub(entry, name) } : file;
  });
}

/** The exports are there before anything runs: a chunk that is loaded later may ask for a part at once. */
const LOADER =
  "const __loaded=Object.create(null);" +
  "const __part=(name)=>{let module=__loaded[name];if(module===undefined){module=__loaded[name]={exports:{}};" +
  "__parts[name](module,module.exports)}return module.exports};" +
  "const __main={exports:{}};module.exports={get main(){return __main.exports.main},__part};";

function stub(entry: string, name: string): string {
  return `"use strict";module.exports=require("../${entry}").__part(${JSON.stringify(name)});`;
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

/** File names of the chunks that the entry, and the work of a step, import by statements, and those that they do. */
function staticClosure({ outputs }: Metafile, entry: string): Set<string> {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const work = Object.entries(outputs)
    .filter(([, output]) => output.entryPoint !== undefined && WORK.includes(output.entryPoint))
    .map(([path]) => basename(path));
  const names = new Set<string>(work);
  const open = [entry, ...work];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { path, kind } of byName.get(name)?.imports ?? []) {
      const next = basename(path);
      if (kind !== "import-statement" || !byName.has(next) || names.has(next)) continue;
      names.add(next);
      open.push(next);
    }
  }
  return names;
}
