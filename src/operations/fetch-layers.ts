import { createReadStream } from "node:fs";
import type { Descriptor } from "../core/descriptor.ts";
import type { ChainId, DiffId } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { SnapshotRef } from "../core/ports.ts";
import { chainId } from "../layer/chain.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { BlobSource } from "../registry/pull.ts";
import { EMPTY_SNAPSHOT, stack } from "../steps/layer-book.ts";
import type { StoredLayer } from "../store/layer-directory.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

const READ_BYTES = 1024 * 1024;

interface FetchHow {
  readonly client: RegistryClient;
  readonly source: BlobSource;
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
}

/** A layer of the image, and what becomes of the stack with it. */
interface Place {
  readonly blob: Descriptor;
  readonly diffId: DiffId;
  /** Known, in this place, with its blob. */
  readonly here: StoredLayer | undefined;
  /** The blob is in the store: as another image's, or in another place of this one. */
  readonly hasBlob: boolean;
  readonly below: Promise<SnapshotRef>;
  readonly done: PromiseWithResolvers<SnapshotRef>;
}

/**
 * Brings the layers of an image into the store, several at once; each is read once, while it comes. A layer waits at its end for
 * those below it. RULE: earlier ones are begun first, so that none waits for one that has no room to begin.
 */
export async function fetchLayers(
  blobs: readonly Descriptor[],
  diffIds: readonly DiffId[],
  how: FetchHow,
): Promise<SnapshotRef> {
  const { downloadBlobs } = await import("../registry/download.ts");
  const places = toPlaces(blobs, diffIds, how.shop);
  const fail = (error: unknown) => {
    for (const place of places) place.done.reject(error);
  };
  const onAbort = () => fail(new BuildError("cli/canceled", "canceled"));
  how.signal.addEventListener("abort", onAbort);
  try {
    const stacking = Promise.all(places.map((place) => stackKnown(place, places, how)));
    stacking.catch(fail);
    await downloadBlobs(how.client, how.source, blobs, {
      emit: how.emit,
      signal: how.signal,
      has: ({ digest }) => places.some(({ blob, hasBlob }) => blob.digest === digest && hasBlob),
      sink: sinkFor(places, how, fail),
    });
    await stacking;
    return (await places.at(-1)?.done.promise) ?? EMPTY_SNAPSHOT;
  } finally {
    how.signal.removeEventListener("abort", onAbort);
  }
}

function toPlaces(
  blobs: readonly Descriptor[],
  diffIds: readonly DiffId[],
  shop: Workshop,
): readonly Place[] {
  let chain: ChainId | undefined;
  let below: Promise<SnapshotRef> = Promise.resolve(EMPTY_SNAPSHOT);
  return blobs.map((blob, i): Place => {
    const diffId = diffIds[i];
    if (diffId === undefined) throw new Error("layers were counted before");
    chain = chainId(chain, diffId);
    const layer = shop.store.layers.claim(chain);
    const done = Promise.withResolvers<SnapshotRef>();
    // A failure is told by whoever awaits it; the others need no second telling.
    done.promise.catch(() => undefined);
    const hasBlob = shop.store.blobs.claim(blob.digest);
    const place: Place = { blob, diffId, here: hasBlob ? layer : undefined, hasBlob, below, done };
    below = done.promise;
    return place;
  });
}

/** Takes the bytes of a blob in, at the first place that it has. Other bytes than asked for may come again, once. */
function sinkFor(places: readonly Place[], how: FetchHow, fail: (error: unknown) => void) {
  const tried = new Set<string>();
  return async (blob: Descriptor, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    const place = firstMissing(places, blob);
    try {
      place.done.resolve(await take(place, bytes, how));
    } catch (error) {
      if (!isDigestMismatch(error) || tried.has(blob.digest)) fail(error);
      tried.add(blob.digest);
      throw error;
    }
  };
}

/** What needs no download: layers that are here, blobs that are here, and further places of a blob that one place has brought. */
async function stackKnown(place: Place, places: readonly Place[], how: FetchHow): Promise<void> {
  const { here, hasBlob, blob, diffId, done } = place;
  if (here !== undefined) {
    done.resolve(stack(await place.below, { diffId, size: here.size }, here.content).snapshot);
    return;
  }
  const first = firstMissing(places, blob);
  if (first !== place) await first.done.promise;
  else if (!hasBlob) {
    await done.promise;
    return;
  }
  done.resolve(await takeStored(place, how));
}

async function takeStored(place: Place, how: FetchHow): Promise<SnapshotRef> {
  const { blobs } = how.shop.store;
  const { digest } = place.blob;
  try {
    return await take(place, createReadStream(blobs.pathOf(digest), { highWaterMark: READ_BYTES }), how);
  } catch (error) {
    if (!isDigestMismatch(error) || !blobs.dropIfDamaged(digest)) throw error;
    throw new BuildError("store/damaged", `blob ${digest} in the store was damaged; it has been removed`, {
      hint: "Pull again: it is fetched anew.",
      cause: error,
    });
  }
}

function isDigestMismatch(error: unknown): boolean {
  return isBuildError(error) && error.code === "store/digest-mismatch";
}

function firstMissing(places: readonly Place[], blob: Descriptor): Place {
  const place = places.find(({ blob: { digest }, here }) => digest === blob.digest && here === undefined);
  if (place === undefined) throw new Error(`nothing needs ${blob.digest}`);
  return place;
}

async function take(
  place: Place,
  bytes: AsyncIterable<Uint8Array>,
  { shop, signal }: FetchHow,
): Promise<SnapshotRef> {
  const { snapshot } = await takeLayer(bytes, {
    below: place.below,
    expectedDigest: place.blob.digest,
    expectedDiffId: place.diffId,
    signal,
    shop,
  });
  return snapshot;
}
