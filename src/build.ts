import { tsbuildModel } from "./cache-key/tsbuild-model.ts";
import type { EmitEvent } from "./core/events.ts";
import { formatPlatform } from "./core/platform.ts";
import type { SourceText } from "./core/source-range.ts";
import { parseDockerfile } from "./dockerfile/parse.ts";
import { buildReasons } from "./operations/build-reasons.ts";
import { checkBuild } from "./operations/check-build.ts";
import { exportImage } from "./operations/export-image.ts";
import { openSource } from "./operations/open-source.ts";
import { defaultJobs, toPlanOptions } from "./operations/plan-options.ts";
import { recordBuild } from "./operations/record-build.ts";
import { reportRows } from "./operations/report-rows.ts";
import { resolveBases } from "./operations/resolve-bases.ts";
import { rowFactsOf } from "./operations/row-facts-of.ts";
import { redactor, solverPorts } from "./operations/solver-ports.ts";
import { stepTools } from "./operations/step-tools.ts";
import type { BuildOptions, BuildResult } from "./operations/types.ts";
import { NeedsUserNamespace, type Workshop } from "./operations/workshop.ts";
import { planBuild } from "./plan/plan.ts";
import { solve } from "./solver/solve.ts";
import type { OpenBuild } from "./store/build-directory.ts";

/** Where a build's events go, and what may end it. */
export interface BuildSink {
  readonly record: OpenBuild;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  /** Called once the Dockerfile is read: errors point into it. */
  readonly knowsSource: (source: SourceText) => void;
}

/**
 * READ FIRST: a build, from text to image. Parse the Dockerfile; find the images it names; plan the step graph; solve it, which
 * gives a layer for each step that does work; assemble and keep the image.
 */
export async function runBuild(options: BuildOptions, shop: Workshop, sink: BuildSink): Promise<BuildResult> {
  const { record, emit, signal } = sink;
  const startedMs = shop.clock.nowMs();
  using _lease = shop.store.openLease("build");
  using source = await openSource(options, shop);
  const planOptions = toPlanOptions(options);
  sink.knowsSource(source.dockerfile);
  emit({
    type: "build-started",
    id: record.id,
    tags: options.tags ?? [],
    dockerfile: source.dockerfile.name,
    platform: formatPlatform(planOptions.platform),
  });

  const ast = parseDockerfile(source.dockerfile);
  if (options.debug === true) {
    const { debugNotes } = await import("./operations/debug-notes.ts");
    await debugNotes(ast, options, { shop, emit });
  }
  const checks = checkBuild(ast, planOptions, emit);
  const { graph, bases } = await resolveBases(ast, planOptions, {
    shop,
    emit,
    signal,
    pull: options.pull === true,
  });
  checks.follow({ graph, bases, isIgnored: source.isIgnored });
  const plan = planBuild(ast, graph, planOptions, bases);
  source.measure(plan, emit);
  emit({ type: "planned", rows: plan.rows });
  checks.finish();
  const dockerfile = source.identity;
  const reasons = buildReasons({ id: record.id, dockerfile, rows: rowFactsOf(plan, redactor(shop)) }, shop);
  const rows = reportRows(plan, { shop, emit, noCache: options.noCache === true, reasons });

  const runsCommands = [...plan.steps.values()].some((step) => step.op.type === "run");
  const tools = stepTools({ shop, source, emit, record, executor: options.executor ?? "auto" });
  const ports = solverPorts(shop, {
    model: tsbuildModel,
    emit: rows.emit,
    platform: planOptions.platform,
    dockerfile,
    tools,
    source,
    reasons,
    runsCommands,
  });
  const about = { options, source, startedMs, reasons };
  const jobs = options.jobs ?? defaultJobs();
  try {
    const results = await solve(plan.steps, ports, {
      jobs,
      noCache: options.noCache === true,
      dockerfile,
      signal,
    });
    const image = await exportImage({ plan, results, options, shop });
    const steps = rows.finish();
    recordBuild(record, { ...about, endedMs: shop.clock.nowMs(), steps, image });
    return { id: record.id, image, sizeBytes: image.sizeBytes, layers: image.layers, steps };
  } catch (error) {
    if (error instanceof NeedsUserNamespace) throw error;
    const endedMs = shop.clock.nowMs();
    recordBuild(record, { ...about, endedMs, error, steps: rows.finish(), image: undefined });
    throw error;
  }
}
