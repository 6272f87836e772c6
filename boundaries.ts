/**
 * Who may import whom inside src/, a row a folder. `build.ts` and `engine.ts` are the composition roots: they may import
 * every folder but cli, tui and progress. The linter reads this table (oxlint.config.ts) and a canary test plants a breach.
 */
export const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  host: ["core"],
  dockerfile: ["core"],
  plan: ["core", "dockerfile"],
  "cache-key": ["core"],
  context: ["core", "host"],
  layer: ["core", "host"],
  snapshot: ["core", "host", "layer"],
  executor: ["core", "host"],
  image: ["core"],
  base: ["core", "host"],
  output: ["core", "host", "image", "layer"],
  store: ["core", "host"],
  registry: ["core", "host", "image"],
  solver: ["core", "cache-key"],
  explore: ["core"],
  steps: ["core", "host", "layer", "snapshot", "solver"],
  operations: [
    "core",
    "host",
    "dockerfile",
    "plan",
    "cache-key",
    "context",
    "layer",
    "snapshot",
    "executor",
    "image",
    "base",
    "output",
    "store",
    "registry",
    "solver",
    "steps",
    "explore",
  ],
  progress: ["core"],
  tui: ["core", "progress"],
  cli: ["core", "host", "operations", "output", "progress", "tui"],
};

/** Folders whose code must be a function of its arguments: no disk, clock, network or process. */
export const PURE = ["core", "dockerfile", "plan", "cache-key", "image", "solver", "explore", "progress"];
