import { BuildError } from "../core/errors.ts";
import type { ContainerConfig } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { assembleConfig } from "../image/assemble.ts";
import { encodeConfig } from "../image/encode.ts";
import { planBuild } from "../plan/plan.ts";
import { buildStageGraph } from "../plan/stages.ts";
import { EMPTY_SNAPSHOT } from "../steps/layer-book.ts";
import { type ExportedImage, keepImage } from "./keep-image.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

export interface ImportOptions {
  /** The root file system: a tar, compressed or not. */
  readonly source: AsyncIterable<Uint8Array>;
  readonly tags: readonly string[];
  /** Dockerfile instructions over the empty config, as `docker import --change`. */
  readonly changes: readonly string[];
  readonly message?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly signal: AbortSignal;
  readonly epochSeconds?: number | undefined;
}

/** `import`: a root file system as an image of one layer. */
export async function importImage(options: ImportOptions, shop: Workshop): Promise<ExportedImage> {
  const { platform = HOST_PLATFORM, signal, epochSeconds } = options;
  const folded = foldChanges(options.changes, platform);
  using _lease = shop.store.openLease("import");
  const { snapshot } = await takeLayer(options.source, {
    below: Promise.resolve(EMPTY_SNAPSHOT),
    signal,
    shop,
  });
  // Docker's words where no message is given.
  const comment = options.message ?? "Imported from -";
  const created = new Date(
    epochSeconds === undefined ? shop.clock.nowMs() : epochSeconds * 1000,
  ).toISOString();
  const config = assembleConfig({
    platform,
    config: folded.config,
    author: folded.author,
    base: undefined,
    baseHistory: [{ created, comment }],
    rows: [],
    diffIds: snapshot.layers.map((layer) => layer.diffId),
    epochSeconds,
  });
  return keepImage(encodeConfig({ created, ...config }), snapshot.layers, {
    created,
    tags: options.tags,
    platform,
    shop,
  });
}

/** Instructions that `--change` takes (docker import). */
const CHANGEABLE = [
  "CMD",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "HEALTHCHECK",
  "LABEL",
  "ONBUILD",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
];

/** What instructions come to over an empty config. Throws where one of them does not change a config. */
export function foldChanges(
  changes: readonly string[],
  platform: Platform,
): { readonly config: ContainerConfig; readonly author: string | undefined } {
  if (changes.length === 0) return { config: {}, author: undefined };
  for (const change of changes) {
    const word = change.trim().split(/\s/)[0]?.toUpperCase() ?? "";
    if (CHANGEABLE.includes(word)) continue;
    throw new BuildError("cli/usage", `--change takes no ${word === "" ? "empty line" : word}`, {
      hint: `It takes ${CHANGEABLE.join(", ")}.`,
    });
  }
  const ast = parseDockerfile({ name: "--change", text: `FROM scratch\n${changes.join("\n")}\n` });
  const options = { buildArgs: {}, labels: {}, platform, buildPlatform: platform, network: "none" as const };
  const graph = buildStageGraph(ast, options, new Map());
  const { config, author } = planBuild(ast, graph, options, new Map()).target;
  // The scratch stage's own defaults (PATH, WorkingDir) are not part of what was asked for.
  return { config: withoutDefaults(config, changes), author };
}

function withoutDefaults(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const has = (word: string) => changes.some((change) => change.trim().toUpperCase().startsWith(word));
  const { WorkingDir, Env, ...rest } = config;
  return {
    ...rest,
    ...(has("WORKDIR") && WorkingDir !== undefined ? { WorkingDir } : {}),
    ...(has("ENV") && Env !== undefined
      ? { Env: setsPath(changes) ? Env : Env.filter((e) => !e.startsWith("PATH=")) }
      : {}),
  };
}

function setsPath(changes: readonly string[]): boolean {
  return changes.some((change) => /^\s*ENV\s.*\bPATH[= ]/i.test(change));
}
