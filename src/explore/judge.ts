import type { ImageNumbers } from "./measure-waste.ts";

/** Thresholds by the names that dive gives them; undefined: not asked. */
export interface WasteRules {
  /** 0 to 1. */
  readonly lowestEfficiency: number | undefined;
  /** Bytes. */
  readonly highestWastedBytes: number | undefined;
  /** 0 to 1. */
  readonly highestUserWastedPercent: number | undefined;
}

/** dive's own thresholds. */
export const DEFAULT_RULES: WasteRules = {
  lowestEfficiency: 0.9,
  highestWastedBytes: undefined,
  highestUserWastedPercent: 0.1,
};

export interface Verdict {
  readonly rule: keyof WasteRules;
  readonly holds: boolean;
  readonly value: number;
  readonly limit: number;
}

/** One verdict for each rule that is asked. */
export function judge(image: ImageNumbers, rules: WasteRules): readonly Verdict[] {
  const values = {
    lowestEfficiency: image.efficiency,
    highestWastedBytes: image.wastedBytes,
    highestUserWastedPercent: image.userWasted,
  };
  const names = ["lowestEfficiency", "highestWastedBytes", "highestUserWastedPercent"] as const;
  return names.flatMap((rule) => {
    const limit = rules[rule];
    const value = values[rule];
    if (limit === undefined) return [];
    return [{ rule, value, limit, holds: rule === "lowestEfficiency" ? value >= limit : value <= limit }];
  });
}
