import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist/tsbuild.cjs");

export interface BuildRequest {
  readonly context: string;
  /** Path of the Dockerfile, inside or outside the context. */
  readonly dockerfile: string;
  readonly tag: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string | undefined;
  readonly noCache?: boolean;
  readonly cacheModel?: string;
}

/** The last line of `--progress=json`. */
export interface BuildResult {
  readonly image: { readonly id: string; readonly digest: string } | null;
  readonly error: { readonly code: string; readonly message: string; readonly line: number | null } | null;
  readonly steps: readonly StepRow[];
}

export interface StepRow {
  readonly stage: string | null;
  readonly stageIndex: number;
  readonly line: number;
  readonly instruction: string;
  readonly onbuild: boolean;
  readonly result: "HIT" | "MISS" | "SKIP" | "FAIL" | "CANCELED";
}

export interface StoredImage {
  readonly config: {
    readonly architecture: string;
    readonly os: string;
    readonly author?: string;
    readonly config?: Readonly<Record<string, unknown>>;
    readonly history?: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
    readonly rootfs: { readonly diff_ids: readonly string[] };
  };
  /** Layer blobs as stored, bottom first. */
  readonly layers: readonly Buffer[];
}

/** The engine as these suites see it: the built program, one store, and the store's plain OCI files. */
export class EngineAdapter {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** A root file system tar as a one-layer image. */
  async importImage(tar: string, tag: string, changes: readonly string[]): Promise<void> {
    const done = await this.#run(["import", ...changes.flatMap((change) => ["--change", change]), tar, tag]);
    if (done.code !== 0) throw new Error(`import ended with ${done.code}: ${done.stderr}`);
  }

  async build(request: BuildRequest): Promise<BuildResult> {
    const done = await this.#run([
      "build",
      "--progress=json",
      "--network=none",
      `--file=${request.dockerfile}`,
      `--tag=${request.tag}`,
      ...pairs("--build-arg", request.buildArgs ?? {}),
      ...pairs("--label", request.labels ?? {}),
      ...(request.target === undefined ? [] : ["--target", request.target]),
      ...(request.noCache === true ? ["--no-cache"] : []),
      ...(request.cacheModel === undefined ? [] : ["--cache-model", request.cacheModel]),
      request.context,
    ]);
    const last = done.stdout.trimEnd().split("\n").at(-1) ?? "";
    const result = parseLine(last);
    if (result?.type !== "result")
      throw new Error(`no result line; exit code ${done.code}: ${last} ${done.stderr}`);
    if ((done.code === 0) !== (result.error === null))
      throw new Error(`exit code ${done.code} with the result ${last}`);
    return result;
  }

  /** Config and layers by the manifest's digest, read as any OCI tool would. */
  readImage(manifestDigest: string): StoredImage {
    const manifest = JSON.parse(this.#blob(manifestDigest).toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    return {
      config: JSON.parse(this.#blob(manifest.config.digest).toString()) as StoredImage["config"],
      layers: manifest.layers.map((layer) => this.#blob(layer.digest)),
    };
  }

  #blob(digest: string): Buffer {
    return readFileSync(join(this.#home, "blobs", digest.replace(":", "/")));
  }

  async #run(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const { SOURCE_DATE_EPOCH: _, ...env } = process.env;
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...env, TSBUILD_HOME: this.#home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
      });
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject).once("close", resolve);
    });
    return { code, ...output };
  }
}

function pairs(flag: string, values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
}

function parseLine(line: string): (BuildResult & { readonly type: string }) | undefined {
  try {
    return JSON.parse(line) as BuildResult & { readonly type: string };
  } catch {
    return undefined;
  }
}
