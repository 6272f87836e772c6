import { join } from "node:path";
import { type ConformanceCase, type Expected, type ExpectedImage, type Variant } from "./case-data.ts";
import { applyVariant, type Base, compareImage, countEqualTexts } from "./compare.ts";
import type { BuildResult, EngineAdapter } from "./engine-adapter.ts";
import { writeContext } from "./write-context.ts";

export interface CaseOutcome {
  /** What differs from the primary recording; empty: nothing. */
  readonly problems: readonly string[];
  /** The other builder whose recording the result equals, where it is not the primary one. */
  readonly variant: string | undefined;
  /** History texts recorded, and how many of them read the same. */
  readonly texts: readonly [equal: number, recorded: number];
}

/** Builds a case (its parent images first) and holds it against its recording; `directory` is made and filled. */
export async function runCase(
  engine: EngineAdapter,
  test: ConformanceCase,
  base: Base,
  directory: string,
): Promise<CaseOutcome> {
  const context = join(directory, "context");
  writeContext(context, test.context, test.folder);
  for (const { tag, dockerfile } of test.prebuild) {
    const parent = await engine.build({ context, dockerfile: join(test.folder, dockerfile), tag });
    if (parent.error !== null) return failed(`the parent image ${tag}: ${parent.error.message}`);
  }
  const request = {
    context,
    dockerfile: test.dockerfile.startsWith("context/")
      ? join(directory, test.dockerfile)
      : join(test.folder, test.dockerfile),
    tag: `conformance/${test.name.toLowerCase()}:1`,
    buildArgs: test.buildArgs,
    labels: test.labels,
    target: test.target,
  };
  const first = await engine.build(request);
  const again = first.error === null ? await engine.build(request) : undefined;
  const repeated = again === undefined ? [] : compareRepeated(first, again);
  const problems = [...compareResult(engine, first, base, test.expected), ...repeated];
  const variant = problems.length === 0 ? undefined : matchingVariant(engine, first, base, test.expected);
  return { problems, variant, texts: textsOf(engine, first, base, test.expected) };
}

function failed(problem: string): CaseOutcome {
  return { problems: [problem], variant: undefined, texts: [0, 0] };
}

function compareResult(
  engine: EngineAdapter,
  result: BuildResult,
  base: Base,
  expected: Expected,
): readonly string[] {
  if (expected.error) return compareFailure(result, expected.error_line);
  if (result.image === null) return [`the build failed: ${result.error?.code}: ${result.error?.message}`];
  return compareImage(engine.readImage(result.image.digest), baseOf(base, expected), expected);
}

function compareFailure(result: BuildResult, line: number | undefined): readonly string[] {
  if (result.error === null) return ["the build should fail"];
  if (line === undefined || result.error.line === line) return [];
  return [`blames line ${result.error.line}, recorded ${line}: ${result.error.message}`];
}

/** The same build again must take everything from the cache and be the same image. */
function compareRepeated(first: BuildResult, again: BuildResult): readonly string[] {
  const missed = again.steps.filter((step) => step.result === "MISS").map((step) => step.instruction);
  return [
    ...(first.image?.id === again.image?.id ? [] : [`built again it is another image: ${again.image?.id}`]),
    ...(missed.length === 0 ? [] : [`built again these miss: ${missed.join("; ")}`]),
  ];
}

function matchingVariant(
  engine: EngineAdapter,
  result: BuildResult,
  base: Base,
  expected: Expected,
): string | undefined {
  const equals = (variant: Variant) => {
    if (variant.status !== "differs") return false;
    if (variant.error === true) return result.error !== null;
    return (
      !expected.error && compareResult(engine, result, base, applyVariant(expected, variant)).length === 0
    );
  };
  return Object.entries(expected.variants).find(([, variant]) => equals(variant))?.[0];
}

function textsOf(
  engine: EngineAdapter,
  result: BuildResult,
  base: Base,
  expected: Expected,
): CaseOutcome["texts"] {
  if (expected.error || result.image === null) return [0, 0];
  const equal = countEqualTexts(engine.readImage(result.image.digest), baseOf(base, expected), expected);
  return [equal, expected.history.length];
}

function baseOf(busybox: Base, expected: ExpectedImage): Base {
  return expected.base === "scratch" ? { layers: [], historyCount: 0 } : busybox;
}
