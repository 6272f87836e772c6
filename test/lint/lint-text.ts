import { requireDigest } from "../../src/core/digest.ts";
import type { ContainerConfig } from "../../src/core/image.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { checkSettings } from "../../src/lint/check-settings.ts";
import type { Finding } from "../../src/lint/finding-list.ts";
import { Lint } from "../../src/lint/lint.ts";
import { buildStageGraph } from "../../src/plan/stages.ts";
import { imageKey, type PlanOptions, type ResolvedBase } from "../../src/plan/types.ts";

export const AMD64 = { os: "linux", architecture: "amd64" } as const;

export interface LintedText {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** As a build sees it: stages that the target does not need are not followed. */
  readonly asBuild?: boolean;
  /** Configurations of images by name; an image that is not here could not be looked at. */
  readonly images?: Readonly<Record<string, ContainerConfig & { readonly arch?: string }>>;
  readonly isIgnored?: (path: string) => boolean;
}

export function planOptions({ buildArgs = {}, target, asBuild = false }: LintedText = {}): PlanOptions {
  return {
    buildArgs,
    target,
    allStages: target === undefined && !asBuild,
    labels: {},
    platform: AMD64,
    buildPlatform: AMD64,
    network: "host",
  };
}

export function basesOf({ images = {} }: LintedText): ReadonlyMap<string, ResolvedBase> {
  return new Map(
    Object.entries(images).map(([name, { arch = "amd64", ...config }]) => [
      imageKey(name, AMD64),
      {
        image: requireDigest(`sha256:${"1".repeat(64)}`),
        config: {
          os: "linux",
          architecture: arch,
          config,
          rootfs: { type: "layers", diff_ids: [] },
          history: [],
        },
      },
    ]),
  );
}

export function lintText(text: string, given: LintedText = {}): readonly Finding[] {
  const ast = parseDockerfile({ name: "Dockerfile", text });
  const options = planOptions(given);
  const bases = basesOf(given);
  const lint = new Lint(ast, options, checkSettings(ast, options.buildArgs));
  const graph = buildStageGraph(ast, options, bases);
  lint.checkStages({ ast, graph, bases, buildArgs: options.buildArgs, isIgnored: given.isIgnored });
  return lint.findings();
}

/** What carets would mark. */
export function markedText(text: string, { at }: Finding): string {
  const line = text.replace(/^\uFEFF/, "").split("\n")[at.line - 1] ?? "";
  return line.slice(at.column - 1, at.endLine === at.line ? at.endColumn - 1 : undefined);
}
