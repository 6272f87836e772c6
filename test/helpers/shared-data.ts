import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * A path in the recorded data that stands beside the project (TSBUILD_SHARED, else ../shared); undefined where it is not
 * there, which under CI is an error.
 */
export function sharedData(path: string): string | undefined {
  const found = join(resolve(ROOT, process.env["TSBUILD_SHARED"] ?? "../shared"), path);
  if (existsSync(found)) return found;
  if (process.env["CI"] === "true")
    throw new Error(`CI needs the recorded data: ${path} is missing; set TSBUILD_SHARED`);
  return undefined;
}
