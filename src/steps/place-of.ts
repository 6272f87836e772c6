import type { Step } from "../core/step.ts";

/** Where a step stands, as people count: `stage build, step 5/6`. */
export function placeOf({ meta }: Step): string {
  return `stage ${meta.stageName ?? meta.stageIndex}, step ${meta.ordinal}/${meta.total}`;
}
