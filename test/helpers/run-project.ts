import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { importBusybox } from "./busybox-image.ts";
import { leftovers } from "./leftovers.ts";
import { type Ran, runTsbuild } from "./run-tsbuild.ts";
import { tempDir } from "./temp-dir.ts";

export interface BuiltProject extends Ran {
  /** Everything that both streams said. */
  readonly said: string;
  /** Result of each RUN, in order. */
  readonly runs: readonly string[];
  readonly imageId: string | undefined;
  readonly error: { readonly code: string; readonly message: string; readonly line: number | null } | null;
}

/** A store with busybox in it, and a context: what a Dockerfile with RUN flags is tried on. */
export class RunProject implements Disposable {
  readonly #dir: ReturnType<typeof tempDir>;
  readonly folder: string;
  readonly home: string;
  readonly context: string;

  constructor(name: string) {
    this.#dir = tempDir(name);
    this.folder = this.#dir.path;
    this.home = join(this.folder, "store");
    this.context = join(this.folder, "context");
    mkdirSync(this.context);
    importBusybox(this.home);
  }

  write(path: string, content: string): string {
    const file = join(this.context, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** Builds, whatever comes of it. */
  build(
    dockerfile: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): BuiltProject {
    const file = join(this.folder, "Dockerfile");
    writeFileSync(file, dockerfile);
    const ran = runTsbuild(["build", "--progress=json", "-t", "made", "-f", file, ...args, this.context], {
      home: this.home,
      cwd: this.folder,
      env,
    });
    return { ...ran, ...readResult(ran) };
  }

  /** Builds twice: it must succeed, and the second build must take every step from the cache. */
  buildTwice(
    dockerfile: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): BuiltProject {
    const first = this.build(dockerfile, args, env);
    if (first.status !== 0) throw new Error(`the build ended with ${first.status}: ${first.said}`);
    const again = this.build(dockerfile, args, env);
    if (again.imageId !== first.imageId || again.runs.some((result) => result !== "HIT"))
      throw new Error(`the second build differs: ${again.runs.join(" ")} ${again.said}`);
    return first;
  }

  /** Output of a command in the image that the last build made. */
  run(...command: readonly string[]): string {
    return this.tsbuild("run", "made", ...command).stdout;
  }

  tsbuild(...args: readonly string[]): Ran {
    return runTsbuild(args, { home: this.home, cwd: this.folder });
  }

  leftovers(): readonly string[] {
    return leftovers(this.home);
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

interface ResultLine {
  readonly type: string;
  readonly image: { readonly id: string } | null;
  readonly error: BuiltProject["error"];
  readonly steps: readonly { readonly instruction: string; readonly result: string }[];
}

function readResult({ stdout, stderr }: Ran): Pick<BuiltProject, "said" | "runs" | "imageId" | "error"> {
  const said = `${stdout}${stderr}`;
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) return { said, runs: [], imageId: undefined, error: null };
  const result = JSON.parse(last) as ResultLine;
  // Another --progress than json.
  if (result.type !== "result") return { said, runs: [], imageId: undefined, error: null };
  const runs = result.steps
    .filter(({ instruction }) => /^RUN\b/i.test(instruction))
    .map((step) => step.result);
  return { said, runs, imageId: result.image?.id, error: result.error };
}
