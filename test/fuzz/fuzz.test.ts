import { describe, expect, test } from "vitest";
import { type CampaignOptions, runCampaign } from "./campaign.ts";
import { openTarget } from "./canary-target.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

const LIMITS: Omit<CampaignOptions, "target" | "maxRuns"> = {
  seed: 1,
  seconds: 0,
  maxFindings: 3,
  hangMs: 20_000,
  slowMs: 0,
  heapMb: 512,
  maxTries: 80,
};

describe("some thousand mutated inputs, always the same: a result or a BuildError, and an end", () => {
  test.each([
    { target: "dockerfile", maxRuns: 2500 },
    { target: "dockerignore", maxRuns: 600 },
    { target: "tar", maxRuns: 120 },
  ] as const)("$target", async ({ target, maxRuns }) => {
    const { findings, runs } = await runCampaign({ ...LIMITS, target, maxRuns });
    expect(findings).toEqual([]);
    expect(runs).toBe(maxRuns);
  });
});

test("the fuzzer finds a crash, a reader without an end and one without measure", async () => {
  const { findings } = await runCampaign({
    ...LIMITS,
    target: "canary",
    maxRuns: 20_000,
    hangMs: 2000,
    heapMb: 48,
  });
  const found = new Map(findings.map((finding) => [finding.kind, finding]));
  expect([...found.keys()].toSorted()).toEqual(["bug", "hang", "memory"]);
  expect(found.get("bug")?.what).toBe("the planted bug");
  expect(found.get("bug")?.input.toString()).toBe("CRASH");
  expect(found.get("hang")?.input.toString()).toContain("ENDLESS");
  expect(found.get("memory")?.input.toString()).toContain("GREEDY");
});

test("a seed decides every input", () => {
  using target = openTarget();
  const inputs = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () =>
      mutate(random.pick(target.seeds), random, target).toString("hex"),
    );
  };
  expect(inputs(7)).toEqual(inputs(7));
  expect(inputs(7)).not.toEqual(inputs(8));
});
