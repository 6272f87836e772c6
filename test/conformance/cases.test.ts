import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { importBusybox } from "./busybox-base.ts";
import { loadCases } from "./case-data.ts";
import type { Base } from "./compare.ts";
import { EngineAdapter } from "./engine-adapter.ts";
import exceptions from "./exceptions.json" with { type: "json" };
import { runCase } from "./run-case.ts";
import { featuresBeyond } from "./scope.ts";
import { judge, Tally } from "./tally.ts";

const folder = sharedData("conformance/cases");
const cases = folder === undefined ? [] : loadCases(folder);
const reasons: Readonly<Record<string, string>> = exceptions;
const tally = new Tally();
const work = tempDir("conformance");
const engine = new EngineAdapter(join(work.path, "store"));
let base: Base;

beforeAll(async () => {
  if (cases.length > 0) base = await importBusybox(engine, work.path);
});
afterAll(() => {
  if (cases.length > 0) console.log(tally.table());
  work[Symbol.dispose]();
});

test("exceptions name recorded cases", () => {
  const known = new Set(cases.map((recorded) => recorded.name));
  expect(Object.keys(reasons).filter((name) => folder !== undefined && !known.has(name))).toEqual([]);
});

/** One store for all: a step that wrongly hits another case's record shows as a difference. */
describe.concurrent("every recorded build gives the recorded image or failure", () => {
  test.for(cases)("$name", async (recorded, { skip }) => {
    const directory = join(work.path, recorded.name);
    mkdirSync(directory);
    const outcome = await runCase(engine, recorded, base, directory);
    const verdict = judge(outcome, featuresBeyond(recorded), reasons[recorded.name]);
    tally.add(recorded.name, outcome, verdict);
    if (verdict.word === "not yet") skip(verdict.because);
    expect(verdict.complaints).toEqual([]);
  });
});
