import type { Clock } from "../core/ports.ts";

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // performance.now() would load a module that a cached build has no other use for.
  monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
};
