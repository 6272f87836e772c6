import type { CacheModel } from "../cache-key/model.ts";
import type { Platform } from "../core/platform.ts";
import type { LayerRef } from "../core/ports.ts";
import type { StepId } from "../core/step.ts";
import { assembleConfig, type BuiltRow } from "../image/assemble.ts";
import { type EncodedDocument, encodeConfig } from "../image/encode.ts";
import type { BuildPlan, StagePlan } from "../plan/types.ts";
import { identityOfResult } from "../solver/solve.ts";
import type { StepResult } from "../solver/types.ts";
import { resultFact } from "./solver-ports.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/** A build's result for one platform: an image that is assembled, and not yet kept anywhere but in its layers. */
export interface BuiltImage {
  readonly config: EncodedDocument;
  readonly layers: readonly LayerRef[];
  readonly platform: Platform;
  readonly created: string | null;
}

/** Assembles the target's image. */
export async function assembleImage(build: {
  readonly plan: BuildPlan;
  readonly results: ReadonlyMap<StepId, StepResult>;
  readonly options: BuildOptions;
  readonly shop: Workshop;
  readonly model: CacheModel;
}): Promise<BuiltImage> {
  const { plan, results, options, shop, model } = build;
  const { target } = plan;
  const final = results.get(target.result);
  if (final === undefined) throw new Error("the target was not solved");
  const epochSeconds = options.sourceDateEpoch;
  const chain = stageChain(plan, target);
  const bottom = chain[0]?.rows[0]?.step;
  const isBuilt = bottom === undefined || plan.steps.get(bottom)?.op.type !== "image";
  const baseLayers = isBuilt ? 0 : (results.get(bottom)?.snapshot.layers.length ?? 0);
  const clampSeconds = options.keepTimestamps === true ? undefined : epochSeconds;
  const layers = await withEpoch(final.snapshot.layers, {
    from: baseLayers,
    epochSeconds: clampSeconds,
    shop,
  });
  const config = assembleConfig({
    platform: target.platform,
    config: target.config,
    author: target.author,
    base: target.base,
    baseHistory: chain[0]?.baseHistory ?? [],
    rows: [
      ...chain.flatMap((stage) => historyRows(stage, results, model)),
      ...(await labelHistory(model, options)),
    ],
    ...(model.createdBy === undefined ? {} : { comment: null }),
    diffIds: layers.map((layer) => layer.diffId),
    epochSeconds,
  });
  const encoded = encodeConfig(config);
  const isItsResult = epochSeconds === undefined && Object.keys(options.labels ?? {}).length === 0;
  if (model.createdBy !== undefined && isItsResult)
    shop.store.facts.put(resultFact(model.name, encoded.descriptor.digest), identityOfResult(final));
  return {
    config: encoded,
    layers,
    platform: { os: config.os, architecture: config.architecture, variant: config.variant },
    created: config.created ?? null,
  };
}

/** Engines whose history is one of instructions append a LABEL for each --label. */
async function labelHistory(model: CacheModel, { labels = {} }: BuildOptions): Promise<readonly BuiltRow[]> {
  if (model.createdBy === undefined) return [];
  const { labelRows } = await import("../plan/history-words.ts");
  const blank = model.name === "classic" ? "  " : " ";
  return labelRows(labels).map((text) => ({
    createdBy: `/bin/sh -c #(nop)${blank}${text}`,
    emptyLayer: true,
    created: undefined,
  }));
}

async function withEpoch(
  layers: readonly LayerRef[],
  how: { readonly from: number; readonly epochSeconds: number | undefined; readonly shop: Workshop },
): Promise<readonly LayerRef[]> {
  const { epochSeconds } = how;
  if (epochSeconds === undefined) return layers;
  const { clampLayers } = await import("./clamp-layers.ts");
  return await clampLayers(layers, { ...how, epochSeconds });
}

/** The stages that make up the target's history, bottom first. */
function stageChain(plan: BuildPlan, target: StagePlan): StagePlan[] {
  const below = target.fromStage === undefined ? undefined : plan.stages.get(target.fromStage);
  return below === undefined ? [target] : [...stageChain(plan, below), target];
}

function historyRows(
  stage: StagePlan,
  results: ReadonlyMap<StepId, StepResult>,
  model: CacheModel,
): BuiltRow[] {
  return stage.rows.flatMap(({ history, step }) => {
    if (history === undefined) return [];
    const result = step === undefined ? undefined : results.get(step);
    const emptyLayer = history.emptyLayer || (result !== undefined && result.layer === undefined);
    const key = result?.key;
    const createdBy =
      key === undefined || result === undefined ? undefined : model.createdBy?.(result.step, key);
    return [{ createdBy: createdBy ?? history.createdBy, emptyLayer, created: result?.created }];
  });
}
