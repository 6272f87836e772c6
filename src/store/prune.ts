import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../core/digest.ts";
import { requireDigest } from "../core/digest.ts";
import { LockFile } from "../host/lock-file.ts";
import { isSortableId, timeOfId } from "../host/sortable-id.ts";
import { chooseRecords, type RecordFilter } from "./choose-records.ts";
import type { StoredImage } from "./image-directory.ts";
import type { Lease } from "./leases.ts";
import { type ExtraRoots, markListings, markLive } from "./live-set.ts";
import { removeCacheMounts } from "./prune-cache-mounts.ts";
import { namesIn, type RecordEntry } from "./record-directory.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";
import { Sweep, type SweepDir } from "./sweep.ts";
import { withLock } from "./with-lock.ts";

const STAT_CACHE_MS = 30 * 24 * 3600 * 1000;

export interface PruneOptions {
  /** Which cache records go. What only they needed goes with them. */
  readonly records: RecordFilter;
  /** Dangling: without a name; unused: all that `isInUse` does not hold. */
  readonly images?: "none" | "dangling" | "unused";
  readonly isInUse?: (image: StoredImage) => boolean;
  /** Which directories of cache mounts go, of those that nobody uses; default none. */
  readonly cacheMounts?: RecordFilter;
  /** Which build records go: all but the latest so many. */
  readonly keepBuilds?: number;
  /** Build records older than this go. */
  readonly buildsOlderThanMs?: number;
  /** What else must stay; asked once the mark has begun. */
  readonly roots?: () => ExtraRoots;
}

export interface PruneReport {
  readonly images: readonly { readonly id: Digest; readonly names: readonly string[] }[];
  readonly records: number;
  readonly layers: number;
  readonly blobs: readonly Digest[];
  readonly listings: number;
  readonly cacheMounts: number;
  readonly builds: number;
  readonly bytes: number;
  /** Folders that hold files of mapped ids: remove them under the mapping. */
  readonly undeletable: readonly string[];
}

/**
 * Removes what is asked for and all that nothing needs any more. Safe beside builds, other prunes and removals: one prune at a
 * time (the gc lock), and see Sweep for what commands at work have claimed.
 */
export function prune(parts: StoreParts, contents: StoreContents, options: PruneOptions): PruneReport {
  return collect(parts, (lease) => {
    const sweep = new Sweep(parts, lease);
    const images = removeImages(parts, contents, sweep, options);
    const { kept, gone } = chooseRecords(parts, contents, [...contents.records.entries()], options.records);
    const removed = sweep.files(gone.map(({ path }) => path));
    const survivors = new Set(kept);
    const removedPaths = new Set(removed);
    for (const entry of gone) if (!removedPaths.has(entry.path)) survivors.add(entry);
    const swept = sweepUnreached(parts, contents, sweep, {
      records: [...survivors],
      roots: options.roots?.(),
    });
    return {
      images,
      records: removed.length,
      ...swept,
      cacheMounts: removeCacheMounts(parts, contents, {
        sweep,
        lease,
        filter: options.cacheMounts ?? "none",
      }),
      builds: removeBuilds(parts, contents, sweep, options),
      bytes: sweep.bytes,
      undeletable: sweep.undeletable,
    };
  });
}

/** Runs a collection: alone, with a lease that began before it. */
export function collect<T>(parts: StoreParts, action: (lease: Lease) => T): T {
  using lease = parts.leases.open("prune");
  using lock = new LockFile(parts.paths.gcLock);
  return withLock(parts.paths, lock, "exclusive", () => action(lease));
}

/** Layer folders as the sweep takes them: claims touch the facts and the markers of trees. */
export function layerToSweep(dir: string): SweepDir {
  const markers = namesIn(dir).filter((name) => name.endsWith(".json"));
  // The folder itself counts: between its making and that of layer.json it has no other time.
  return { dir, touched: [dir, ...markers.map((name) => join(dir, name))] };
}

function removeImages(
  parts: StoreParts,
  contents: StoreContents,
  sweep: Sweep,
  options: PruneOptions,
): PruneReport["images"] {
  const { images = "none", isInUse = () => false } = options;
  // A change even where no image goes: it brings index.json up to date after a command that was killed before it did.
  return contents.images.change(() => {
    const going =
      images === "none"
        ? []
        : contents.images.list().filter((image) => {
            if (images === "dangling" && image.names.length > 0) return false;
            // A build that runs may be about to use what it has just made.
            return !isInUse(image) && sweep.isOld(parts.paths.image(image.id));
          });
    for (const image of going) {
      for (const name of image.names) contents.images.files.removeRef(name);
      contents.images.files.removeImage(image.id);
    }
    return going.map(({ id, names }) => ({ id, names }));
  });
}

function sweepUnreached(
  parts: StoreParts,
  contents: StoreContents,
  sweep: Sweep,
  kept: { readonly records: readonly RecordEntry[]; readonly roots: ExtraRoots | undefined },
): Pick<PruneReport, "layers" | "blobs" | "listings"> {
  const { paths } = parts;
  const records = kept.records.map(({ record }) => record);
  const live = markLive(contents, records, kept.roots);
  const layers = [...contents.layers.entries()].filter(({ dir }) => !live.layerDirs.has(dir));
  const gone = sweep.dirs(layers.map(({ dir }) => layerToSweep(dir)));
  const blobs = new Set([
    ...sweepBlobs(sweep, paths.imageBlobs, live.imageBlobs),
    ...sweepBlobs(sweep, paths.cacheBlobs, live.cacheBlobs),
  ]);
  const listings = sweepListings(parts, sweep, markListings(contents, records));
  sweepLatest(parts, sweep, contents);
  sweepOrphans(parts, sweep);
  sweepStatCaches(parts, sweep, kept.records.length === 0);
  return { layers: gone.length, blobs: [...blobs].filter((digest) => !contents.blobs.has(digest)), listings };
}

function sweepBlobs(sweep: Sweep, folder: string, live: ReadonlySet<Digest>): readonly Digest[] {
  const names = namesIn(folder).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const dead = names.filter((name) => !live.has(requireDigest(`sha256:${name}`)));
  return sweep
    .files(dead.map((name) => join(folder, name)))
    .map((path) => requireDigest(`sha256:${path.slice(-64)}`));
}

function sweepListings(parts: StoreParts, sweep: Sweep, live: ReadonlySet<Digest>): number {
  const { listings } = parts.paths;
  const dead = namesIn(listings).flatMap((folder) =>
    namesIn(join(listings, folder))
      .filter((name) => /^[0-9a-f]{64}$/.test(name) && !live.has(requireDigest(`sha256:${name}`)))
      .map((name) => join(listings, folder, name)),
  );
  return sweep.files(dead).length;
}

/** Pointers to records that are gone. */
function sweepLatest(parts: StoreParts, sweep: Sweep, contents: StoreContents): void {
  const { latest } = parts.paths;
  const dead = namesIn(latest).filter((name) => !contents.records.isLatestAlive(join(latest, name)));
  sweep.files(dead.map((name) => join(latest, name)));
}

/** Folders in tmp/ whose lock file is gone: somebody removed it by hand. */
function sweepOrphans(parts: StoreParts, sweep: Sweep): void {
  const { temp, leases } = parts.paths;
  const owned = new Set(namesIn(leases).map((name) => name.slice(0, 26)));
  for (const name of namesIn(temp)) {
    const dir = join(temp, name);
    if (!owned.has(name) && existsSync(dir)) sweep.removeTree(dir);
  }
}

/** Facts about contexts that nobody has built for a month; with an empty cache all of them. */
function sweepStatCaches(parts: StoreParts, sweep: Sweep, all: boolean): void {
  const { statCache } = parts.paths;
  const before = parts.clock.nowMs() - STAT_CACHE_MS;
  const paths = namesIn(statCache).map((name) => join(statCache, name));
  const isStale = (path: string): boolean =>
    (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < before;
  sweep.files(all ? paths : paths.filter(isStale));
}

function removeBuilds(
  parts: StoreParts,
  contents: StoreContents,
  sweep: Sweep,
  options: PruneOptions,
): number {
  const { keepBuilds, buildsOlderThanMs } = options;
  if (keepBuilds === undefined && buildsOlderThanMs === undefined) return 0;
  const before = parts.clock.nowMs() - (buildsOlderThanMs ?? 0);
  const going = contents.builds
    .list()
    .slice(keepBuilds ?? 0)
    .filter((id) => isSortableId(id) && timeOfId(id) <= before && sweep.isOld(contents.builds.pathOf(id)));
  for (const id of going) sweep.removeTree(contents.builds.pathOf(id));
  return going.length;
}
