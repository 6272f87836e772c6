import { createReadStream } from "node:fs";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type ChainId, type DiffId, type Digest } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { ImageConfig } from "../core/image.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { LayerRef, SnapshotRef } from "../core/ports.ts";
import { digestOf, encodeManifest } from "../image/encode.ts";
import { parseConfig } from "../image/parse.ts";
import { chainId } from "../layer/chain.ts";
import { EMPTY_SNAPSHOT, stack } from "../steps/layer-book.ts";
import type { ManifestRef } from "../store/image-files.ts";
import { bad } from "./archive-checks.ts";
import { type ArchiveFiles, findMembers, openFolder, streamRange, unpackMembers } from "./archive-files.ts";
import { readArchivedImages, readLayoutImage } from "./archive-images.ts";
import type { ArchivedImage, ArchivedLayer } from "./archived-image.ts";
import { splitLayoutPlace } from "./build-contexts.ts";
import { ociTwin } from "./oci-twin.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import { takeLayer } from "./take-layer.ts";
import type { Workshop } from "./workshop.ts";

export interface LoadOptions {
  /** A tar, compressed or not; or the path of one. */
  readonly source: AsyncIterable<Uint8Array> | string;
  readonly platform?: Platform | undefined;
  readonly signal: AbortSignal;
  /** A layer begins: how far the archive is. */
  readonly onLayer?: ((layer: { readonly diffId: DiffId; readonly isHere: boolean }) => void) | undefined;
}

export interface LoadedImage {
  readonly id: Digest;
  /** Full names; none: it is known by its id. */
  readonly names: readonly string[];
  /** Names that other images had until now, with their ids. */
  readonly renamed: readonly { readonly name: string; readonly id: Digest }[];
}

const READ_BYTES = 1024 * 1024;

/** What was taken into the store so far: it goes again if the archive turns out to be broken. */
interface Taken {
  readonly chains: ChainId[];
  readonly blobs: Digest[];
}

/**
 * `load`: the images of an archive, all or none. Whatever is wrong with the archive is `image/bad-archive`, and then nothing of
 * it is in the store.
 */
export async function loadImages(options: LoadOptions, shop: Workshop): Promise<readonly LoadedImage[]> {
  const taken: Taken = { chains: [], blobs: [] };
  try {
    return await load(options, shop, taken);
  } catch (error) {
    shop.store.discard(taken);
    throw asArchiveError(error, options.signal);
  }
}

async function load(options: LoadOptions, shop: Workshop, taken: Taken): Promise<readonly LoadedImage[]> {
  using lease = shop.store.openLease("load");
  const files = await openArchive(options, { dir: lease.makeTemp(), shop });
  const images = await readArchivedImages(files, options.platform ?? HOST_PLATFORM);
  const read: ReadImage[] = [];
  for (const image of images) read.push(await takeImage(image, { options, shop, taken }));
  return read.map((image) => keepLoaded(image, shop));
}

/**
 * One image of an OCI layout in a folder: `dir`, `dir:tag`, `dir@sha256:…`. It is taken into the store without a name; the answer is its
 * id. What is wrong with the layout is `image/bad-archive`.
 */
export async function loadLayoutImage(
  place: string,
  platform: Platform,
  { shop, signal }: { readonly shop: Workshop; readonly signal: AbortSignal },
): Promise<Digest> {
  const taken: Taken = { chains: [], blobs: [] };
  try {
    using _lease = shop.store.openLease("load");
    const { dir, tag, digest } = splitLayoutPlace(place);
    const archived = readLayoutImage(openFolder(dir), { place, tag, digest, platform });
    const options = { source: dir, platform, signal };
    const read = await takeImage({ ...archived, names: [] }, { options, shop, taken });
    return keepLoaded(read, shop).id;
  } catch (error) {
    shop.store.discard(taken);
    throw asArchiveError(error, signal);
  }
}

async function openArchive(
  { source, signal }: LoadOptions,
  { dir, shop }: { readonly dir: string; readonly shop: Workshop },
): Promise<ArchiveFiles> {
  const indexed = typeof source === "string" ? findMembers(source) : undefined;
  if (indexed !== undefined) return indexed;
  const bytes = typeof source === "string" ? createReadStream(source, { highWaterMark: READ_BYTES }) : source;
  return await unpackMembers(bytes, { dir, shop, signal });
}

interface ReadImage {
  readonly image: ArchivedImage;
  readonly config: ImageConfig;
  readonly layers: readonly LayerRef[];
}

async function takeImage(
  image: ArchivedImage,
  how: { readonly options: LoadOptions; readonly shop: Workshop; readonly taken: Taken },
): Promise<ReadImage> {
  const config = parseConfig(image.config);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== image.layers.length) {
    throw bad(`an image in it has ${image.layers.length} layers, its configuration lists ${diffIds.length}`);
  }
  let below: SnapshotRef = EMPTY_SNAPSHOT;
  for (const [i, layer] of image.layers.entries()) {
    const diffId = diffIds[i];
    if (diffId === undefined) throw new Error("layers were counted above");
    below = await takeOne(layer, diffId, { ...how, below });
  }
  return { image, config, layers: below.layers };
}

async function takeOne(
  { file, digest }: ArchivedLayer,
  diffId: DiffId,
  how: {
    readonly options: LoadOptions;
    readonly shop: Workshop;
    readonly taken: Taken;
    readonly below: SnapshotRef;
  },
): Promise<SnapshotRef> {
  const { shop, taken, below } = how;
  const { signal, onLayer } = how.options;
  if (signal.aborted) throw new BuildError("cli/canceled", "canceled");
  const chain = chainId(below.layers.at(-1)?.chainId, diffId);
  const here = shop.store.layers.claim(chain);
  const isHere = here !== undefined && (digest === undefined || shop.store.blobs.claim(digest));
  onLayer?.({ diffId, isHere });
  if (here !== undefined && isHere) return stack(below, { diffId, size: here.size }, here.content).snapshot;
  taken.chains.unshift(chain);
  const { snapshot, blob } = await takeLayer(streamRange(file), {
    below: Promise.resolve(below),
    expectedDigest: digest,
    expectedDiffId: diffId,
    signal,
    shop,
  });
  taken.blobs.push(blob.digest);
  return snapshot;
}

function keepLoaded({ image, config, layers }: ReadImage, shop: Workshop): LoadedImage {
  const { store, shelf } = shop;
  const id = digestOf(image.config);
  const renamed = image.names.flatMap((name) => {
    const before = store.images.findRef(name)?.image;
    return before === undefined || before === id ? [] : [{ name, id: before }];
  });
  store.blobs.write(image.config);
  store.images.add({
    id,
    manifests: manifestsOf(
      image,
      layers.map((layer) => shelf.blobOf(layer)),
      shop,
    ),
    names: image.names,
    created: config.created ?? null,
    sizeBytes: layers.reduce((sum, layer) => sum + layer.size, 0),
    platform: formatPlatform(config),
  });
  return { id, names: image.names, renamed };
}

/** The archive's own manifest where it has one, else one over the blobs as they came. */
function manifestsOf(
  image: ArchivedImage,
  blobs: readonly Descriptor[],
  shop: Workshop,
): readonly ManifestRef[] {
  const { manifest, config } = image;
  if (manifest !== undefined) {
    shop.store.blobs.write(manifest.bytes);
    const isDocker = manifest.descriptor.mediaType === MEDIA_TYPE.dockerManifest;
    return isDocker ? [ociTwin(manifest.manifest, shop), manifest.descriptor] : [manifest.descriptor];
  }
  const made = encodeManifest(
    { mediaType: MEDIA_TYPE.ociConfig, digest: digestOf(config), size: config.length },
    blobs,
  );
  shop.store.blobs.write(made.bytes);
  return [made.descriptor];
}

/** Faults of the content, in the words of whoever found them. */
const BROKEN: ReadonlySet<string> = new Set([
  "layer/bad-tar",
  "layer/compression",
  "store/digest-mismatch",
  "image/bad-config",
  "image/bad-reference",
]);

function asArchiveError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return new BuildError("cli/canceled", "canceled", { cause: error });
  if (!isBuildError(error) || !BROKEN.has(error.code)) return error;
  return new BuildError("image/bad-archive", `the archive cannot be loaded: ${error.message}`, {
    hint: error.details.hint ?? "Save it again; nothing of it was kept.",
    cause: error,
  });
}
