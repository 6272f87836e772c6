import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Global set-up of the suites that drive the built program: dist/ is made anew where a source is younger. */
export function setup(): void {
  const stub = join(ROOT, "dist/tsbuild.cjs");
  if (timeOf(stub) > Math.max(...sources().map(timeOf))) return;
  const built = spawnSync(process.execPath, [join(ROOT, "scripts/build.ts")], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`dist/ could not be built:\n${built.stderr}`);
}

function sources(): readonly string[] {
  const paths = globSync(
    ["src/**/*.{ts,tsx}", "scripts/build.ts", "scripts/tsbuild.cjs", "package-lock.json"],
    { cwd: ROOT },
  );
  return paths.map((path) => join(ROOT, path));
}

function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
