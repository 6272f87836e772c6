import type { CacheKey, CacheModelName } from "../core/cache-key.ts";
import { isBuildError } from "../core/errors.ts";
import type { OpenBuild } from "../store/build-directory.ts";
import type { BuildReasons } from "./build-reasons.ts";
import type { ExportedImage } from "./keep-image.ts";
import type { BuildSource } from "./open-source.ts";
import type { BuildOptions, BuiltStep } from "./types.ts";

/** `builds/<id>/build.json`: what `builds` and `explain` read. */
export interface BuildRecord {
  readonly schema: 1;
  readonly id: string;
  readonly startedAt: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly tags: readonly string[];
  readonly target: string | null;
  /** Whose rules decided; absent: tsbuild's. */
  readonly cacheModel?: CacheModelName;
  /** The earlier build that the misses were compared with. */
  readonly compared: string | null;
  readonly image: { readonly id: string; readonly digest: string } | null;
  readonly steps: readonly BuiltStep[];
  readonly seconds?: number;
  /** Of a build that failed. */
  readonly error?: { readonly code: string; readonly message: string } | null;
}

/** `builds/<id>/keys.json`: row id to cache key. */
export type BuildKeys = Readonly<Record<string, CacheKey>>;

/** Writes the record of a build, finished or failed. */
export function recordBuild(
  build: OpenBuild,
  done: {
    readonly options: BuildOptions;
    readonly source: BuildSource;
    /** Path of the Dockerfile, and the platform where it is not this machine's: what builds of one project have in common. */
    readonly dockerfile: string;
    readonly startedMs: number;
    readonly endedMs: number;
    readonly error?: unknown;
    readonly steps: readonly BuiltStep[];
    readonly reasons: BuildReasons;
    readonly image: ExportedImage | null | undefined;
  },
): void {
  const { options, source, reasons, image } = done;
  const keys: BuildKeys = Object.fromEntries(reasons.keys);
  build.write("keys", keys);
  build.write("rows", reasons.rows);
  const record: BuildRecord = {
    schema: 1,
    id: build.id,
    startedAt: new Date(done.startedMs).toISOString(),
    dockerfile: done.dockerfile,
    context: source.contextPath,
    tags: options.tags ?? [],
    target: options.target ?? null,
    ...(options.cacheModel === undefined ? {} : { cacheModel: options.cacheModel }),
    compared: reasons.compared() ?? null,
    image: image === undefined || image === null ? null : { id: image.id, digest: image.digest },
    steps: done.steps,
    seconds: (done.endedMs - done.startedMs) / 1000,
    error: isBuildError(done.error) ? { code: done.error.code, message: done.error.message } : null,
  };
  build.write("build", record);
}
