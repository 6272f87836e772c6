import { availableParallelism } from "node:os";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform, parsePlatform, platformOf, samePlatform } from "../core/platform.ts";
import type { PlanOptions } from "../plan/types.ts";
import type { BuildOptions } from "./types.ts";

/** This machine's platform. */
export const HOST_PLATFORM: Platform = platformOf(process.arch);

/** Of Go's list those that images are made for. */
const ARCHITECTURES: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/** The planner's view of the build options; a platform other than this machine's is refused. */
export function toPlanOptions(options: BuildOptions): PlanOptions {
  const platform =
    options.platform === undefined ? HOST_PLATFORM : parsePlatform(options.platform, HOST_PLATFORM);
  if (platform === undefined || !ARCHITECTURES.has(platform.architecture)) {
    throw new BuildError("plan/platform", `"${options.platform}" is not a platform`, {
      hint: "A platform reads os/architecture[/variant], such as linux/arm64.",
    });
  }
  if (!samePlatform(platform, HOST_PLATFORM)) {
    throw new BuildError(
      "plan/platform",
      `building for ${formatPlatform(platform)} on ${formatPlatform(HOST_PLATFORM)} is not supported yet`,
      {
        hint: "Build on a machine of that architecture.",
      },
    );
  }
  return {
    target: options.target,
    buildArgs: options.buildArgs ?? {},
    labels: options.labels ?? {},
    platform,
    buildPlatform: HOST_PLATFORM,
    network: options.network ?? "host",
  };
}

/** As many steps at once as cores, but at least four: much of what steps do is waiting. */
export function defaultJobs(): number {
  return Math.max(4, availableParallelism());
}
