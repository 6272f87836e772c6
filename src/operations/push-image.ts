import { createReadStream } from "node:fs";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import {
  formatFull,
  formatRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../core/reference.ts";
import { encodeIndex, encodeManifest } from "../image/encode.ts";
import { parseConfig, parseIndex, parseManifest } from "../image/parse.ts";
import type { PushDocument } from "../registry/push.ts";
import type { StoredImage } from "../store/image-directory.ts";
import {
  COMPRESSED_AS,
  compressedBlob,
  isCompressedLayer,
  type LayerCompression,
} from "./compressed-blob.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { childImage, imagesOfIndex, isIndex } from "./platform-images.ts";
import { openClient } from "./pull-image.ts";
import { readImageDocument } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface PushHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  /** --authfile. */
  readonly authFile?: string | undefined;
  /** How layers travel. By default pulled ones as they came, built ones gzipped. */
  readonly compression?: LayerCompression | undefined;
}

export interface PushedImage {
  readonly reference: Reference;
  readonly digest: Digest;
  /** Bytes of the manifest. */
  readonly sizeBytes: number;
}

/** An image as a registry gets it: manifests first, their index last. */
export interface Parcel {
  readonly documents: readonly PushDocument[];
  /** Configurations and layers. */
  readonly blobs: readonly Descriptor[];
}

/**
 * Uploads the image that a name stands for, under that name. Pulled images go as they came, built ones gzipped, unless a
 * compression is asked for: once, the blobs are kept, and so a later push and a pull of it find them. An image of several platforms goes whole, with its index.
 */
export async function pushImage(name: string, how: PushHow): Promise<PushedImage> {
  const { shop } = how;
  const reference = requireName(name);
  using _lease = shop.store.openLease("push");
  const image = findImage(formatFull(reference), shop);
  const parcel = isIndex(image) ? await indexParcel(image, how) : await singleParcel(image, how);
  return await pushParcel(reference, { image, parcel }, how);
}

/** Uploads a parcel whose blobs are in the store, and remembers under which digest the image can be pulled. */
export async function pushParcel(
  reference: Reference,
  { image, parcel }: { readonly image: StoredImage; readonly parcel: Parcel },
  how: PushHow,
): Promise<PushedImage> {
  const { shop, signal } = how;
  const top = parcel.documents.at(-1);
  if (top === undefined) throw new Error("a parcel without a manifest");
  const { pushImage: push } = await import("../registry/push.ts");
  await using client = await openClient(how);
  const mountFrom = neighbours(image, top.descriptor.digest, reference);
  const blobs = parcel.blobs.map((descriptor) => ({
    descriptor,
    open: (start: number) => createReadStream(shop.store.blobs.pathOf(descriptor.digest), { start }),
    mountFrom,
  }));
  const { documents } = parcel;
  const digest = await push(client, reference, { blobs, documents }, { emit: how.emit, signal });
  for (const { bytes } of documents) shop.store.blobs.write(bytes);
  shop.store.images.addRepoDigest(image.id, formatRepository(reference), top.descriptor);
  return { reference, digest, sizeBytes: top.bytes.length };
}

export function requireName(name: string): Reference {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest === undefined) return reference;
  throw new BuildError("image/bad-reference", `"${name}" has a digest; what is pushed is named by a tag`, {
    hint: "Leave the part from @ on out.",
  });
}

type PackHow = Pick<PushHow, "shop" | "signal" | "compression">;

/** A manifest that registries have or may have: its layers are compressed and here. One that was pulled or pushed goes first. */
function storedParcel(image: StoredImage, { shop, compression }: PackHow): Parcel | undefined {
  const isFit = (layer: Descriptor) =>
    compression === undefined ? isCompressedLayer(layer) : isCompressedAs(layer, compression);
  const isKnown = ({ digest }: { readonly digest: Digest }) =>
    image.repoDigests.some((text) => text.endsWith(digest));
  const inOrder = image.manifests.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a)));
  for (const descriptor of inOrder) {
    const bytes = readImageDocument(descriptor.digest, shop.store);
    const { config, layers } = parseManifest(bytes);
    const isWhole = [config, ...layers].every(({ digest }) => shop.store.blobs.claim(digest));
    if (isWhole && layers.every(isFit))
      return { documents: [{ descriptor, bytes }], blobs: [...layers, config] };
  }
  return undefined;
}

function isCompressedAs({ mediaType }: Descriptor, compression: LayerCompression): boolean {
  const types: readonly string[] = COMPRESSED_AS[compression];
  return types.includes(mediaType);
}

async function singleParcel(image: StoredImage, how: PackHow): Promise<Parcel> {
  return storedParcel(image, how) ?? (await compressedParcel(image, how));
}

/** Each platform as it would go by itself; the index as it is where that changes none of them. */
async function indexParcel(image: StoredImage, how: PackHow): Promise<Parcel> {
  const { shop } = how;
  const bytes = readImageDocument(image.id, shop.store);
  const { mediaType, annotations } = parseIndex(bytes);
  const children = imagesOfIndex(image, shop);
  const documents: PushDocument[] = [];
  const blobs: Descriptor[] = [];
  const entries: Descriptor[] = [];
  for (const child of children) {
    const parcel = await singleParcel(childImage(image, child, shop), how);
    documents.push(...parcel.documents);
    blobs.push(...parcel.blobs);
    entries.push({ ...child, ...parcel.documents.at(-1)?.descriptor });
  }
  const isSame = entries.every(({ digest }, i) => digest === children[i]?.digest);
  const isWhole = isSame && parseIndex(bytes).manifests.length === children.length;
  const index = isWhole
    ? { descriptor: { mediaType, digest: image.id, size: bytes.length }, bytes }
    : encodeIndex(entries, annotations === undefined ? {} : { annotations });
  return { documents: [...documents, index], blobs };
}

async function compressedParcel(
  image: StoredImage,
  { shop, signal, compression = "gzip" }: PackHow,
): Promise<Parcel> {
  const bytes = readImageDocument(image.id, shop.store);
  const layers: Descriptor[] = [];
  const stack = await ensureLayers({ manifest: image.manifest, config: parseConfig(bytes) }, shop, signal);
  for (const layer of stack.layers) {
    if (signal.aborted) throw new BuildError("cli/canceled", "canceled");
    const { digest, size } = await compressedBlob(layer, compression, shop);
    layers.push({ mediaType: COMPRESSED_AS[compression][0], digest, size });
  }
  const config = { mediaType: MEDIA_TYPE.ociConfig, digest: image.id, size: bytes.length };
  const { annotations } = parseManifest(readImageDocument(image.manifest, shop.store));
  const manifest = encodeManifest(config, layers, annotations);
  return { documents: [manifest], blobs: [...layers, config] };
}

/** Repositories of the same registry that have this image's blobs; those that have this very manifest first. */
function neighbours(image: StoredImage, manifest: Digest, reference: Reference): readonly string[] {
  const known = image.repoDigests.toSorted(
    (a, b) => Number(b.endsWith(manifest)) - Number(a.endsWith(manifest)),
  );
  const repositories = known.map((text) => parseReference(text.slice(0, text.indexOf("@"))));
  const same = repositories.filter(
    ({ domain, path }) => domain === reference.domain && path !== reference.path,
  );
  return [...new Set(same.map(({ path }) => path))];
}
