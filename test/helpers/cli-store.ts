import { join } from "node:path";
import { type Ran, runTsbuild, tsbuild } from "./run-tsbuild.ts";
import { buildTar, type Member } from "./tar-builder.ts";
import { tempDir } from "./temp-dir.ts";

/** A store of a test's own, driven through the built program. */
export interface CliStore extends Disposable {
  readonly home: string;
  /** A folder for files of the test, beside the store. */
  readonly folder: string;
  /** Must end with exit code 0. */
  run(args: readonly string[], input?: string | Buffer): Ran;
  /** May fail. */
  attempt(args: readonly string[], input?: string | Buffer): Ran;
  /** An image of one layer, without building; the answer is its id. */
  importImage(name: string, members: readonly Member[], flags?: readonly string[]): string;
}

/** Times are fixed: the same calls give the same image ids. */
const ENV = { SOURCE_DATE_EPOCH: "1700000000" };

export function cliStore(name: string): CliStore {
  const dir = tempDir(name);
  const home = join(dir.path, "store");
  const options = (input: string | Buffer = "") => ({ home, cwd: dir.path, env: ENV, input });
  const run: CliStore["run"] = (args, input) => tsbuild(args, options(input));
  return {
    home,
    folder: dir.path,
    run,
    attempt: (args, input) => runTsbuild(args, options(input)),
    importImage: (image, members, flags = []) =>
      run(["import", ...flags, "-", ...(image === "" ? [] : [image])], buildTar(...members)).stdout.trim(),
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}
