import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { sharedData } from "../helpers/shared-data.ts";

const MAX_SEED_BYTES = 64 * 1024;

/** Files of the recorded data and the examples whose name fits, in the order of their paths; large ones left out. */
export function corpusFiles(fits: (name: string) => boolean): readonly Buffer[] {
  const roots = [sharedData("conformance"), join(PROJECT_ROOT, "examples")];
  return roots.flatMap((root) => (root === undefined ? [] : filesBelow(root, fits)));
}

/** A JSON table of the recorded parser data; empty where it is not there. */
export function corpusTable(name: string): readonly Readonly<Record<string, unknown>>[] {
  const path = sharedData(`conformance/parser/${name}`);
  return path === undefined ? [] : (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>[]);
}

function filesBelow(root: string, fits: (name: string) => boolean): readonly Buffer[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .toSorted()
    .filter((path) => fits(path.slice(path.lastIndexOf("/") + 1)))
    .map((path) => join(root, path))
    .filter((path) => {
      const stat = statSync(path);
      return stat.isFile() && stat.size <= MAX_SEED_BYTES;
    })
    .map((path) => readFileSync(path));
}
