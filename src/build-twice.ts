import { setTimeout as pause } from "node:timers/promises";
import { type BuildSink, runBuild } from "./build.ts";
import type { BuiltImage } from "./operations/assemble-image.ts";
import { compareBuilds, type Difference } from "./operations/compare-builds.ts";
import type { BuildOptions, BuildResult } from "./operations/types.ts";
import type { Workshop } from "./operations/workshop.ts";

/** Times in layers are whole seconds: builds less than one apart could agree by chance. */
const SECOND_MS = 1000;

/**
 * Builds twice, no step of it from the cache, at different times, and says what differs between the two images; empty: nothing does.
 * Neither image is kept.
 */
export async function buildTwice(
  options: BuildOptions,
  shop: Workshop,
  sink: (
    round: number,
  ) => BuildSink & { readonly ended: (result: BuildResult | undefined, error?: unknown) => void },
): Promise<readonly Difference[]> {
  using _lease = shop.store.openLease("build");
  const images: BuiltImage[] = [];
  for (const round of [0, 1]) {
    const startedMs = shop.clock.nowMs();
    const own = sink(round);
    const part = { planned: () => Promise.resolve(), built: (image: BuiltImage) => void images.push(image) };
    const alone = { ...options, noCache: true, tags: [], outputs: undefined };
    try {
      own.ended(await runBuild(alone, shop, { ...own, part }));
    } catch (error) {
      own.ended(undefined, error);
      throw error;
    }
    const nextSecondMs = SECOND_MS * (Math.floor(startedMs / SECOND_MS) + 1);
    if (round === 0) await pause(Math.max(0, nextSecondMs - shop.clock.nowMs() + 1));
  }
  const [first, second] = images;
  if (first === undefined || second === undefined) throw new Error("a build without an image");
  return await compareBuilds(first, second, shop);
}
