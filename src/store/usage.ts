import { statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "./record-directory.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";
import { bytesBelow } from "./sweep.ts";

export interface StoreUsage {
  readonly images: { readonly count: number; readonly named: number; readonly bytes: number };
  /** Blobs that images have too count there. */
  readonly cache: { readonly records: number; readonly bytes: number };
  /** Directories of RUN --mount=type=cache. */
  readonly cacheMounts: { readonly count: number; readonly bytes: number };
  /** Tables of contents and trees of layers. */
  readonly layers: { readonly count: number; readonly bytes: number };
  readonly builds: { readonly count: number; readonly bytes: number };
  /** What they changed, their volumes and logs. */
  readonly containers: { readonly count: number; readonly running: number; readonly bytes: number };
}

export function measureUsage({ paths }: StoreParts, contents: StoreContents): StoreUsage {
  const images = contents.images.list();
  const containers = contents.containers.list();
  const records = [...contents.records.entries()];
  const inImages = new Set(namesIn(paths.imageBlobs));
  const cacheOnly = namesIn(paths.cacheBlobs).filter((name) => !inImages.has(name));
  const recordBytes = records.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  return {
    images: {
      count: images.length,
      named: images.filter(({ names }) => names.length > 0).length,
      bytes: sizesOf(paths.imageBlobs, [...inImages]),
    },
    cache: {
      records: records.length,
      bytes: recordBytes + sizesOf(paths.cacheBlobs, cacheOnly) + bytesBelow(paths.listings),
    },
    cacheMounts: {
      count: contents.cacheMounts.list().length,
      bytes: bytesBelow(paths.cacheMounts),
    },
    layers: { count: namesIn(paths.layers).length, bytes: bytesBelow(paths.layers) },
    builds: { count: contents.builds.list().length, bytes: bytesBelow(paths.builds) },
    containers: {
      count: containers.length,
      running: containers.filter(({ state }) => state.status === "running").length,
      bytes: bytesBelow(paths.containers),
    },
  };
}

function sizesOf(folder: string, names: readonly string[]): number {
  return names.reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
