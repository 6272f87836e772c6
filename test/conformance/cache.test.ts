import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { importBusybox } from "./busybox-base.ts";
import {
  type CacheScenario,
  loadScenarios,
  playScenario,
  recordedResults,
  type StepResults,
  Unsupported,
} from "./cache-scenario.ts";
import { EngineAdapter } from "./engine-adapter.ts";
import { LibraryAdapter } from "./library-adapter.ts";

/** Models, with the builder whose recording each must give. */
const MODELS: readonly { readonly model: string; readonly builder: string }[] = [
  { model: "classic", builder: "docker-20.10-classic" },
  { model: "buildkit", builder: "buildkit" },
  { model: "buildkit@20.10", builder: "docker-20.10-buildkit" },
];

/** Where tsbuild's own rules give another result than BuildKit's: why, and what they give, a string a build. */
interface Difference {
  readonly because: string;
  readonly results: readonly string[];
}
const DIFFERENCES = JSON.parse(
  readFileSync(join(import.meta.dirname, "tsbuild-differences.json"), "utf8"),
) as Readonly<Record<string, Difference>>;

const folder = sharedData("conformance/cache");
const scenarios = folder === undefined ? [] : loadScenarios(folder);
const work = tempDir("scenarios");
const template = join(work.path, "template");
let plays = 0;

beforeAll(async () => {
  if (scenarios.length > 0) await importBusybox(new EngineAdapter(template), work.path);
});
afterAll(() => work[Symbol.dispose]());

test("every recorded scenario has as many recorded builds as edits and one", () => {
  const rows = scenarios.flatMap(({ scenario, expected }) =>
    ["buildkit", "docker-20.10-classic", "docker-20.10-buildkit", "buildah"].flatMap((builder) => {
      const builds = expected[builder];
      return builds
        ? [{ name: `${scenario.name} ${builder}`, extra: builds.length - scenario.edits.length }]
        : [];
    }),
  );
  expect(rows.filter((row) => row.extra !== 1)).toEqual([]);
});

describe.each(MODELS)("the model $model hits and misses as $builder does", ({ model, builder }) => {
  const recorded = scenarios.flatMap(({ scenario, expected }) => {
    const builds = expected[builder];
    return builds ? [{ name: scenario.name, scenario, builds }] : [];
  });
  test.for(recorded)("$name", async ({ scenario, builds }, { skip }) => {
    const played = await play(scenario, model);
    if (played instanceof Unsupported) skip(played.message);
    expect(played).toEqual(recordedResults(builds, model));
  });
});

describe("tsbuild's own rules hit and miss as BuildKit's, but where the difference is listed with its reason", () => {
  const recorded = scenarios.flatMap(({ scenario, expected }) => {
    const builds = expected["buildkit"];
    return builds ? [{ name: scenario.name, scenario, builds }] : [];
  });
  test.for(recorded)("$name", async ({ name, scenario, builds }, { skip }) => {
    const played = await play(scenario, "tsbuild");
    if (played instanceof Unsupported) skip(played.message);
    const buildkit = recordedResults(builds, "buildkit");
    const expected = DIFFERENCES[name]?.results ?? linesOf(buildkit);
    expect(linesOf(played)).toEqual(expected);
  });
  test("every difference in the list is one", () => {
    const same = recorded.filter(({ name, builds }) => {
      const lines = linesOf(recordedResults(builds, "buildkit"));
      return DIFFERENCES[name]?.results.join() === lines.join();
    });
    expect(same).toEqual([]);
  });
  test("the list names recorded scenarios", () => {
    const known = new Set(recorded.map(({ name }) => name));
    expect(Object.keys(DIFFERENCES).filter((name) => folder !== undefined && !known.has(name))).toEqual([]);
  });
});

/** A line a build. */
function linesOf(played: readonly StepResults[] | Unsupported): readonly string[] {
  return played instanceof Unsupported ? [] : played.map((results) => results.join(", "));
}

/** On a store of its own: a cache that is empty at first. */
async function play(scenario: CacheScenario, model: string): Promise<readonly StepResults[] | Unsupported> {
  plays += 1;
  const directory = join(work.path, `play-${plays}`);
  const home = join(directory, "store");
  mkdirSync(directory);
  cpSync(template, home, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  // An ordinary user's builds start over in a namespace, which only the program can do.
  const engine = process.getuid?.() === 0 ? new LibraryAdapter(home) : new EngineAdapter(home);
  try {
    return await playScenario(engine, scenario, model, directory);
  } catch (error) {
    if (error instanceof Unsupported) return error;
    throw error;
  }
}
