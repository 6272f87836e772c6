import type { StageGraph } from "./stages.ts";
import type { PlanOptions } from "./types.ts";

const PROXY_NAMES = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/** Predefined proxy ARGs: passed to RUN in both spellings, no part of a key or of history unless declared. */
export function proxyEnv(buildArgs: Readonly<Record<string, string>>): string[] {
  return PROXY_NAMES.flatMap((name) => {
    const value = Object.entries(buildArgs).find(([key]) => key.toLowerCase() === name)?.[1];
    return value === undefined ? [] : [`${name.toUpperCase()}=${value}`, `${name}=${value}`];
  });
}

/** Those that no ARG takes up, and that have no meaning of their own. */
export function unusedBuildArgs(graph: StageGraph, options: PlanOptions): string[] {
  const declared = new Set(
    graph.nodes.flatMap((node) =>
      node.instructions.flatMap(({ instruction }) =>
        instruction.type === "ARG" ? instruction.args.map((arg) => arg.key) : [],
      ),
    ),
  );
  return Object.keys(options.buildArgs).filter(
    (name) =>
      !declared.has(name) &&
      graph.globalArgs.get(name) === undefined &&
      !PROXY_NAMES.includes(name.toLowerCase()) &&
      name !== "SOURCE_DATE_EPOCH" &&
      !name.startsWith("BUILDKIT_"),
  );
}
