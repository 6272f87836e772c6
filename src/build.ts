import { tsbuildModel } from "./cache-key/tsbuild-model.ts";
import type { EmitEvent, RowPlan } from "./core/events.ts";
import { formatPlatform, type Platform, samePlatform } from "./core/platform.ts";
import type { SourceText } from "./core/source-range.ts";
import { parseDockerfile } from "./dockerfile/parse.ts";
import { assembleImage, type BuiltImage } from "./operations/assemble-image.ts";
import { buildReasons } from "./operations/build-reasons.ts";
import { checkBuild } from "./operations/check-build.ts";
import { requireEmulation } from "./operations/emulation.ts";
import type { EngineModel } from "./operations/engine-rules.ts";
import { keepBuild } from "./operations/keep-build.ts";
import type { ExportedImage } from "./operations/keep-image.ts";
import { openSource } from "./operations/open-source.ts";
import { defaultJobs, HOST_PLATFORM, stagesWithoutCache, toPlanOptions } from "./operations/plan-options.ts";
import { recordBuild } from "./operations/record-build.ts";
import { reportRows } from "./operations/report-rows.ts";
import { resolveBases } from "./operations/resolve-bases.ts";
import { rowFactsOf } from "./operations/row-facts-of.ts";
import { sharedCacheOf } from "./operations/shared-cache-of.ts";
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
  /** This build makes one platform of an image of several: the index and the outputs are another's. */
  readonly part?: BuildPart | undefined;
}

export interface BuildPart {
  /** The plan is made; resolves when it is this platform's turn to work. */
  readonly planned: (rows: readonly RowPlan[]) => Promise<void>;
  readonly built: (image: BuiltImage) => void;
}

/**
 * READ FIRST: a build, from text to image. Parse the Dockerfile; find the images it names; plan the step graph; solve it, which
 * gives a layer for each step that does work; assemble and keep the image.
 */
export async function runBuild(options: BuildOptions, shop: Workshop, sink: BuildSink): Promise<BuildResult> {
  const { record, emit, signal } = sink;
  const startedMs = shop.clock.nowMs();
  using _lease = shop.store.openLease("build");
  using source = await openSource(options, shop, { emit, signal });
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
  const finding = { shop, emit, signal, pull: options.pull === true };
  if (Object.keys(planOptions.buildArgs).some((name) => name.startsWith("BUILDKIT_"))) {
    const { builtinArgNotes } = await import("./operations/builtin-args.ts");
    for (const text of builtinArgNotes(planOptions.buildArgs)) emit({ type: "note", level: "warning", text });
  }
  const checks = checkBuild(ast, planOptions, emit);
  const { graph, bases } = await resolveBases(ast, planOptions, finding);
  checks.follow({ graph, bases, isIgnored: source.isIgnored });
  const engine = await loadEngine(options.cacheModel);
  const model = engine?.model ?? tsbuildModel;
  const planned = planBuild(ast, graph, planOptions, bases);
  const plan = engine?.plan(planned) ?? planned;
  const missing = source.measure(plan, emit);
  // An engine that goes step by step comes to it in its turn.
  const refused = engine === undefined ? missing : undefined;
  requireEmulation(plan);
  emit({ type: "planned", rows: plan.rows });
  checks.finish();
  await sink.part?.planned(plan.rows);
  const dockerfile = identityFor(source.identity, planOptions.platform);
  const facts = rowFactsOf(plan, redactor(shop));
  const reasons = buildReasons({ id: record.id, dockerfile, rows: facts, model }, shop);
  const noCache = stagesWithoutCache(ast, options);
  const rows = reportRows(plan, { shop, emit, noCache, reasons, model });

  const runsCommands = [...plan.steps.values()].some((step) => step.op.type === "run");
  const executor = options.executor ?? "auto";
  using tools = stepTools({ options, shop, source, emit, record, signal, executor });
  const wired = { emit: rows.emit, dockerfile, tools, source, reasons, runsCommands };
  const ports = solverPorts(shop, { model, engine, ...wired });
  const solving = { jobs: options.jobs ?? defaultJobs(), noCache, dockerfile, refused, signal };
  const about = { options, source, dockerfile, startedMs, reasons };
  try {
    await using shared = await sharedCacheOf(options, { shop, emit, signal, plan, dockerfile });
    const results = await solve(plan.steps, { ...ports, ...shared?.ports }, solving);
    const built = await assembleImage({ plan, results, options, shop, model });
    const made = await finishBuild([built], options, { shop, sink });
    await shared?.settle();
    const steps = rows.finish();
    recordBuild(record, { ...about, endedMs: shop.clock.nowMs(), steps, image: made.image });
    return { id: record.id, ...made, steps };
  } catch (error) {
    if (error instanceof NeedsUserNamespace) throw error;
    const steps = rows.finish();
    recordBuild(record, { ...about, endedMs: shop.clock.nowMs(), error, steps, image: undefined });
    throw error;
  }
}

/** Builds of one project for one platform are compared with each other, whatever was built for another in between. */
function identityFor(dockerfile: string, platform: Platform): string {
  return samePlatform(platform, HOST_PLATFORM) ? dockerfile : `${dockerfile} (${formatPlatform(platform)})`;
}

/** Keeps what was built, one image a platform, and writes the outputs. Of a part only the image is handed on. */
export async function finishBuild(
  images: readonly BuiltImage[],
  options: BuildOptions,
  { shop, sink }: { readonly shop: Workshop; readonly sink: BuildSink },
): Promise<Omit<BuildResult, "id" | "steps"> & { readonly image: ExportedImage | null }> {
  const layers = images.flatMap((image) => image.layers);
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.size, 0);
  const counts = { sizeBytes, layers: layers.length };
  const [only] = images;
  if (sink.part !== undefined && only !== undefined) {
    sink.part.built(only);
    return { image: null, descriptor: null, ...counts };
  }
  const image = keepBuild(images, options, shop);
  let descriptor = image?.descriptor;
  if (options.outputs !== undefined && options.outputs.length > 0) {
    const { deliverOutputs } = await import("./operations/deliver-outputs.ts");
    const { emit, signal } = sink;
    descriptor = (await deliverOutputs({ images, kept: image, options, shop, emit, signal })) ?? descriptor;
  }
  return { image: image ?? null, descriptor: descriptor ?? null, ...counts };
}

/** Rules of another engine are loaded only where they are asked for. */
async function loadEngine(name: BuildOptions["cacheModel"]): Promise<EngineModel | undefined> {
  if (name === undefined || name === "tsbuild") return undefined;
  const { engineModel } = await import("./operations/engine-rules.ts");
  return engineModel(name);
}
