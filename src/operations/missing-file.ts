import type { IgnoreRules } from "../context/ignore-file.ts";
import { explainIgnore } from "../context/why.ts";
import { type BytePath, baseName, decodePath, encodePath, joinPath, parentOf } from "../core/byte-path.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { CopyOp } from "../core/step.ts";
import { suggest } from "../dockerfile/suggest.ts";

/** Why a source of a COPY may be missing, and what to do: left out by .dockerignore, outside of the context, or misspelt. */
export function explainMissingFile(
  path: string,
  { op, tree, ignore }: { readonly op: CopyOp; readonly tree: FileTree; readonly ignore: IgnoreRules },
): string {
  if (op.from.type === "step") {
    const near = nearName(encodePath(path), tree);
    const guess = near === undefined ? "" : ` Did you mean /${near}?`;
    return `It is not among the files of what --from names.${guess}`;
  }
  const written = op.sources.find((source) => isOutside(source));
  if (written !== undefined) {
    return `${written} leads out of the context, which COPY cannot: build with a larger one, such as tsbuild -f Dockerfile .. (paths then begin there).`;
  }
  const { ignored, rule } = explainIgnore(ignore, encodePath(path));
  if (ignored && rule !== undefined) {
    return `Either it is not there, or ${ignore.file ?? ".dockerignore"} leaves it out: line ${rule.line}, ${rule.text.trim()}. Remove that line, or add !${path} below it.`;
  }
  const near = nearName(encodePath(path), tree);
  return near === undefined
    ? "Paths begin at the context's root: tsbuild sends what is below it."
    : `Did you mean ${near}?`;
}

function isOutside(source: string): boolean {
  let depth = 0;
  for (const part of source.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

/** A name like the missing one in the folder where it was looked for. */
function nearName(path: BytePath, tree: FileTree): string | undefined {
  const dir = tree.resolve(parentOf(path), true);
  if (dir === undefined) return undefined;
  const near = suggest(
    decodePath(encodePath(baseName(path))),
    tree.names(dir).map((name) => Buffer.from(name, "latin1").toString("utf8")),
  );
  return near === undefined ? undefined : decodePath(joinPath(parentOf(path), encodePath(near)));
}
