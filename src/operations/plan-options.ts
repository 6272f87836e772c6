import { availableParallelism } from "node:os";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform, parsePlatform, platformOf } from "../core/platform.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import type { PlanOptions } from "../plan/types.ts";
import { toNamedContexts } from "./build-contexts.ts";
import type { BuildOptions } from "./types.ts";

/** This machine's platform. */
export const HOST_PLATFORM: Platform = platformOf(process.arch);

/** Of Go's list those that images are made for. */
const ARCHITECTURES: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/** The planner's view of the build options. */
export function toPlanOptions(options: BuildOptions): PlanOptions {
  const platform = options.platform ?? options.platforms?.[0];
  return {
    target: options.target,
    buildArgs: options.buildArgs ?? {},
    labels: options.labels ?? {},
    platform: platform === undefined ? HOST_PLATFORM : requirePlatform(platform),
    buildPlatform: HOST_PLATFORM,
    network: options.network ?? "host",
    contexts: toNamedContexts(options.buildContexts ?? []),
    everyStage: options.cacheModel === "classic",
    run: {
      allow: options.allow ?? [],
      hosts: (options.addHosts ?? []).map(({ name }) => name),
      shmBytes: options.shmBytes,
      ulimits: options.ulimits ?? [],
      cgroupParent: options.cgroupParent,
    },
  };
}

/** What a person wrote as a platform. Throws `plan/platform`. */
export function requirePlatform(text: string): Platform {
  const platform = parsePlatform(text, HOST_PLATFORM);
  if (platform !== undefined && ARCHITECTURES.has(platform.architecture)) {
    if (platform.os === "linux") return platform;
    throw new BuildError("plan/platform", `images of ${platform.os} cannot be built`, {
      hint: "tsbuild builds images of Linux.",
    });
  }
  throw new BuildError("plan/platform", `"${text}" is not a platform`, {
    hint: "A platform reads os/architecture[/variant], such as linux/arm64.",
  });
}

/** Of which stages (by index) no record is used: of all, or of those that were named. Throws `plan/unknown-stage`. */
export function stagesWithoutCache(
  ast: DockerfileAst,
  { noCache = false, noCacheFilter = [] }: BuildOptions,
): (stageIndex: number) => boolean {
  if (noCache || noCacheFilter.length === 0) return () => noCache;
  const names = ast.stages.map(({ from }) => from.stageName?.toLowerCase());
  const stages = new Set<number>();
  for (const name of noCacheFilter) {
    const index = names.lastIndexOf(name.toLowerCase());
    if (index < 0) {
      const known = names.filter((each) => each !== undefined);
      throw new BuildError("plan/unknown-stage", `--no-cache-filter: there is no stage "${name}"`, {
        hint:
          known.length > 0
            ? `Stages with a name: ${known.join(", ")}.`
            : "No stage has a name; write FROM … AS name.",
      });
    }
    stages.add(index);
  }
  return (stageIndex) => stages.has(stageIndex);
}

/** Each once, in the order written; this machine's where none is. */
export function distinctPlatforms({ platforms, platform }: BuildOptions): readonly string[] {
  const given = platforms ?? (platform === undefined ? [] : [platform]);
  const texts = given.map((text) => formatPlatform(requirePlatform(text)));
  return texts.length === 0 ? [formatPlatform(HOST_PLATFORM)] : [...new Set(texts)];
}

/** BUILDKIT_MULTI_PLATFORM: one platform gets an index too. */
export function wantsIndex({ buildArgs = {} }: BuildOptions): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(buildArgs["BUILDKIT_MULTI_PLATFORM"] ?? "");
}

/** As many steps at once as cores, but at least four: much of what steps do is waiting. */
export function defaultJobs(): number {
  return Math.max(4, availableParallelism());
}
