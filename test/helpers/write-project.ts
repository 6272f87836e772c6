import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CliStore } from "./cli-store.ts";

/** Writes projects of one Dockerfile and some files, each into a folder of its own beside the store. */
export function projectWriter(store: CliStore) {
  let count = 0;
  return (dockerfile: string, files: Readonly<Record<string, string>> = {}): string => {
    count += 1;
    const dir = join(store.folder, `project-${count}`);
    mkdirSync(dir);
    for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
      writeFileSync(join(dir, name), text);
    }
    return dir;
  };
}
