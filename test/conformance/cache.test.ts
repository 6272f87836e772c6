import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { importBusybox } from "./busybox-base.ts";
import { loadScenarios, playScenario, recordedResults } from "./cache-scenario.ts";
import { EngineAdapter } from "./engine-adapter.ts";

/** Models that exist so far, with the builder whose recording each must give. */
const MODELS: readonly { readonly model: string; readonly builder: string }[] = [];

const folder = sharedData("conformance/cache");
const scenarios = folder === undefined ? [] : loadScenarios(folder);

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
  test.for(recorded)("$name", async ({ scenario, builds }) => {
    using work = tempDir("scenario");
    const engine = new EngineAdapter(join(work.path, "store"));
    await importBusybox(engine, work.path);
    const directory = join(work.path, "play");
    mkdirSync(directory);
    expect(await playScenario(engine, scenario, model, directory)).toEqual(recordedResults(builds));
  });
});
