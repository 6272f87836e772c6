import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of the test's own: `using dir = tempDir()`. Removed at the end of the scope. */
export function tempDir(name = "test"): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), `tsbuild-${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
