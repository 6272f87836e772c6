import { readFileSync } from "node:fs";

/** tsbuild's version, from the package.json that the running code belongs to (beside dist/, or beside src/). */
export const VERSION = readVersion();

function readVersion(): string {
  for (const path of ["../package.json", "../../package.json", "../../../package.json"]) {
    try {
      const json: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      if (
        typeof json === "object" &&
        json !== null &&
        "name" in json &&
        json.name === "tsbuild" &&
        "version" in json
      ) {
        return String(json.version);
      }
    } catch {
      // Not there: the next one up.
    }
  }
  return "unknown";
}
