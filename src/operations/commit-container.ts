import type { Container } from "../core/container.ts";
import type { HistoryEntry } from "../core/image.ts";
import type { PackEntry } from "../core/ports.ts";
import { assembleConfig } from "../image/assemble.ts";
import { encodeConfig } from "../image/encode.ts";
import { changesOf, whileFrozen } from "./container-changes.ts";
import { findContainer } from "./find-container.ts";
import { foldChangesOver } from "./fold-changes.ts";
import { type ExportedImage, keepImage } from "./keep-image.ts";
import { lost } from "./layer-shelf.ts";
import type { Workshop } from "./workshop.ts";

export interface CommitOptions {
  readonly container: string;
  readonly tags: readonly string[];
  readonly message: string | undefined;
  readonly author: string | undefined;
  /** Dockerfile instructions over the container's configuration. */
  readonly changes: readonly string[];
  /** A running container stands still meanwhile. */
  readonly pause: boolean;
  readonly epochSeconds: number | undefined;
  readonly signal: AbortSignal;
}

/** What a container changed as a layer on top of its image's, and its configuration as the new image's. */
export async function commitContainer(options: CommitOptions, shop: Workshop): Promise<ExportedImage> {
  shop.requireNamespace();
  using _lease = shop.store.openLease("commit");
  const found = findContainer(options.container, shop);
  const { container } = found;
  const base = container.image.config;
  const config = foldChangesOver({ ...base, config: container.config }, options.changes);
  for (const layer of container.snapshot.layers) {
    if (shop.store.layers.claim(layer.chainId) === undefined) throw lost(layer);
  }
  const pack = async () => {
    const changes = clamped(await changesOf(container, shop), options.epochSeconds);
    return await shop.book.add(container.snapshot, changes, options.signal);
  };
  const { snapshot } = options.pause ? await whileFrozen(found, shop, pack) : await pack();
  const created = new Date(
    options.epochSeconds === undefined ? shop.clock.nowMs() : options.epochSeconds * 1000,
  ).toISOString();
  const { os, architecture, variant } = base;
  const platform = { os, architecture, variant };
  const assembled = assembleConfig({
    platform,
    config,
    author: options.author ?? base.author,
    base,
    baseHistory: [...base.history, historyOf(container, created, options)],
    rows: [],
    diffIds: snapshot.layers.map((layer) => layer.diffId),
    epochSeconds: options.epochSeconds,
  });
  return keepImage(encodeConfig({ ...assembled, created }), snapshot.layers, {
    created,
    tags: options.tags,
    platform,
    shop,
  });
}

/** As Docker's: `created_by` is what ran. */
function historyOf({ config }: Container, created: string, { author, message }: CommitOptions): HistoryEntry {
  return {
    created,
    created_by: (config.Cmd ?? []).join(" "),
    ...(author === undefined || author === "" ? {} : { author }),
    ...(message === undefined || message === "" ? {} : { comment: message }),
  };
}

/** Under SOURCE_DATE_EPOCH no time is later than it. */
function* clamped(changes: Iterable<PackEntry>, epochSeconds = Infinity): Generator<PackEntry> {
  for (const change of changes) {
    const { mtimeSeconds } = change.entry;
    yield mtimeSeconds <= epochSeconds
      ? change
      : { ...change, entry: { ...change.entry, mtimeSeconds: epochSeconds, mtimeNanos: 0 } };
  }
}
