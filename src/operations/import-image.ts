import type { Platform } from "../core/platform.ts";
import { assembleConfig } from "../image/assemble.ts";
import { encodeConfig } from "../image/encode.ts";
import { EMPTY_SNAPSHOT } from "../steps/layer-book.ts";
import { foldChanges } from "./fold-changes.ts";
import { type ExportedImage, keepImage } from "./keep-image.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

export interface ImportOptions {
  /** The root file system: a tar, compressed or not. */
  readonly source: AsyncIterable<Uint8Array>;
  readonly tags: readonly string[];
  /** Dockerfile instructions over the empty config, as `docker import --change`. */
  readonly changes: readonly string[];
  readonly message?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly signal: AbortSignal;
  readonly epochSeconds?: number | undefined;
}

/** `import`: a root file system as an image of one layer. */
export async function importImage(options: ImportOptions, shop: Workshop): Promise<ExportedImage> {
  const { platform = HOST_PLATFORM, signal, epochSeconds } = options;
  const folded = foldChanges(options.changes, platform);
  using _lease = shop.store.openLease("import");
  const { snapshot } = await takeLayer(options.source, {
    below: Promise.resolve(EMPTY_SNAPSHOT),
    signal,
    shop,
  });
  // Docker's words where no message is given.
  const comment = options.message ?? "Imported from -";
  const created = new Date(
    epochSeconds === undefined ? shop.clock.nowMs() : epochSeconds * 1000,
  ).toISOString();
  const config = assembleConfig({
    platform,
    config: folded.config,
    author: folded.author,
    base: undefined,
    baseHistory: [{ created, comment }],
    rows: [],
    diffIds: snapshot.layers.map((layer) => layer.diffId),
    epochSeconds,
  });
  return keepImage(encodeConfig({ created, ...config }), snapshot.layers, {
    created,
    tags: options.tags,
    platform,
    shop,
  });
}
