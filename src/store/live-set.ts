import type { ChainId, Digest } from "../core/digest.ts";
import { parseDigest } from "../core/digest.ts";
import type { CacheRecord } from "../core/ports.ts";
import { emptyReach, walkImage } from "./image-content.ts";
import type { StoreContents } from "./store-contents.ts";

/** What else must stay: containers stand on images and layers. Asked once the mark has begun. */
export interface ExtraRoots {
  readonly images: readonly Digest[];
  readonly layers: readonly ChainId[];
}

/** What images, names, records and callers still need. */
export interface LiveSet {
  /** Blobs that must keep their name in blobs/. */
  readonly imageBlobs: ReadonlySet<Digest>;
  /** Blobs that must keep their name in cache/blobs/. */
  readonly cacheBlobs: ReadonlySet<Digest>;
  /** Folders under layers/. */
  readonly layerDirs: ReadonlySet<string>;
}

/** Marks everything reachable; `records` are those that stay. Damaged things are not followed, and not removed by this either. */
export function markLive(
  contents: StoreContents,
  records: Iterable<CacheRecord>,
  extra: ExtraRoots = { images: [], layers: [] },
): LiveSet {
  const { blobs, images, layers } = contents;
  const reach = emptyReach();
  for (const chain of extra.layers) reach.chains.add(chain);
  for (const root of rootsOf(contents, extra)) walkImage(blobs, root, reach, () => {});
  for (const { id } of images.files.images()) reach.blobs.add(id);

  const needs = needsOf(records);
  const cacheBlobs = new Set(needs.diffs);
  for (const { manifests } of images.files.images())
    for (const { digest } of manifests) cacheBlobs.add(digest);
  const layerDirs = new Set<string>();
  for (const { dir, layer } of layers.entries()) {
    if (layer === undefined) continue;
    if (!reach.chains.has(layer.chainId) && !needs.contents.has(layer.content)) continue;
    layerDirs.add(dir);
    for (const { digest } of layer.blobs) cacheBlobs.add(digest);
  }
  return { imageBlobs: reach.blobs, cacheBlobs, layerDirs };
}

/** Listings that records can be explained by. */
export function markListings(contents: StoreContents, records: Iterable<CacheRecord>): ReadonlySet<Digest> {
  const seen = new Set<Digest>();
  for (const record of records) {
    for (const { value } of record.key.inputs) {
      for (const digest of digestsIn(value)) walkListing(contents, digest, seen);
    }
  }
  return seen;
}

function rootsOf({ images }: StoreContents, extra: ExtraRoots): readonly Digest[] {
  return [
    ...images.files.images().flatMap((image) => image.manifests.map(({ digest }) => digest)),
    ...images.files.refs().map((ref) => ref.manifest),
    ...images.foreignRoots(),
    ...extra.images.flatMap(
      (id) => images.files.readImage(id)?.manifests.map(({ digest }) => digest) ?? [id],
    ),
  ];
}

interface RecordNeeds {
  readonly diffs: Set<Digest>;
  readonly contents: Set<string>;
}

function needsOf(records: Iterable<CacheRecord>): RecordNeeds {
  const needs: RecordNeeds = { diffs: new Set(), contents: new Set() };
  for (const { content, layer, key } of records) {
    needs.contents.add(content);
    // What ADD fetched need not be fetched again while a record is made of it.
    for (const { kind, value } of key.inputs) {
      const fetched = kind === "remote" ? parseDigest(value) : undefined;
      if (fetched !== undefined) needs.diffs.add(fetched);
    }
    const diff = layer === null ? undefined : parseDigest(layer.diffId);
    if (diff !== undefined) needs.diffs.add(diff);
  }
  return needs;
}

/** A folder's listing names those of its subfolders. */
function walkListing(contents: StoreContents, digest: Digest, seen: Set<Digest>): void {
  if (seen.has(digest) || !contents.listings.has(digest)) return;
  seen.add(digest);
  for (const row of contents.listings.get(digest)?.rows ?? []) {
    if (row.type === "dir" && row.digest !== undefined) walkListing(contents, row.digest, seen);
  }
}

function digestsIn(text: string): readonly Digest[] {
  return (text.match(/sha256:[0-9a-f]{64}/g) ?? []).map(parseDigest).filter((digest) => digest !== undefined);
}
