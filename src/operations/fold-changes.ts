import { BuildError } from "../core/errors.ts";
import type { ContainerConfig, ImageConfig } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { digestOf } from "../image/encode.ts";
import { planBuild } from "../plan/plan.ts";
import { buildStageGraph } from "../plan/stages.ts";
import { type Bases, imageKey } from "../plan/types.ts";

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
  const { config, author } = fold("scratch", changes, { platform, bases: new Map() });
  // The scratch stage's own defaults (PATH, WorkingDir) are not part of what was asked for.
  return { config: withoutDefaults(config, changes), author };
}

/** What instructions come to over the config of a container. */
export function foldChangesOver(base: ImageConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return base.config;
  const { os, architecture, variant } = base;
  const platform: Platform = { os, architecture, variant };
  const name = "container";
  const found = { image: digestOf(Buffer.from(JSON.stringify(base))), config: base };
  return fold(name, changes, { platform, bases: new Map([[imageKey(name, platform), found]]) }).config;
}

function fold(
  from: string,
  changes: readonly string[],
  { platform, bases }: { readonly platform: Platform; readonly bases: Bases },
) {
  for (const change of changes) {
    const word = change.trim().split(/\s/)[0]?.toUpperCase() ?? "";
    if (CHANGEABLE.includes(word)) continue;
    throw new BuildError("cli/usage", `--change takes no ${word === "" ? "empty line" : word}`, {
      hint: `It takes ${CHANGEABLE.join(", ")}.`,
    });
  }
  const ast = parseDockerfile({ name: "--change", text: `FROM ${from}\n${changes.join("\n")}\n` });
  const options = { buildArgs: {}, labels: {}, platform, buildPlatform: platform, network: "none" as const };
  const graph = buildStageGraph(ast, options, bases);
  return planBuild(ast, graph, options, bases).target;
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
