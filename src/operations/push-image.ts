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
import { encodeManifest } from "../image/encode.ts";
import { parseConfig, parseManifest } from "../image/parse.ts";
import type { PushDocument } from "../registry/push.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { compressedBlob } from "./compressed-blob.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { openClient } from "./pull-image.ts";
import { readImageDocument } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface PushHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  /** --authfile. */
  readonly authFile?: string | undefined;
}

export interface PushedImage {
  readonly reference: Reference;
  readonly digest: Digest;
  /** Bytes of the manifest. */
  readonly sizeBytes: number;
}

/** An image as a registry gets it. */
interface Parcel {
  readonly manifest: PushDocument;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/**
 * Uploads the image that a name stands for, under that name. Pulled images go as they came, built ones gzipped: once, the blobs
 * are kept, and so a later push and a pull of it find them.
 */
export async function pushImage(name: string, how: PushHow): Promise<PushedImage> {
  const { shop, signal } = how;
  const reference = requireName(name);
  using _lease = shop.store.openLease("push");
  const image = findImage(formatFull(reference), shop);
  const parcel = storedParcel(image, shop) ?? (await gzippedParcel(image, shop, signal));
  const { pushImage: push } = await import("../registry/push.ts");
  await using client = await openClient(how);
  const mountFrom = neighbours(image, parcel.manifest.descriptor.digest, reference);
  const blobs = [...parcel.layers, parcel.config].map((descriptor) => ({
    descriptor,
    open: (start: number) => createReadStream(shop.store.blobs.pathOf(descriptor.digest), { start }),
    mountFrom,
  }));
  const digest = await push(
    client,
    reference,
    { blobs, documents: [parcel.manifest] },
    { emit: how.emit, signal },
  );
  shop.store.blobs.write(parcel.manifest.bytes);
  shop.store.images.addRepoDigest(image.id, formatRepository(reference), parcel.manifest.descriptor);
  return { reference, digest, sizeBytes: parcel.manifest.bytes.length };
}

function requireName(name: string): Reference {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest === undefined) return reference;
  throw new BuildError("image/bad-reference", `"${name}" has a digest; what is pushed is named by a tag`, {
    hint: "Leave the part from @ on out.",
  });
}

/** A manifest that registries have or may have: its layers are compressed and here. One that was pulled or pushed goes first. */
function storedParcel(image: StoredImage, shop: Workshop): Parcel | undefined {
  const isKnown = ({ digest }: { readonly digest: Digest }) =>
    image.repoDigests.some((text) => text.endsWith(digest));
  const inOrder = image.manifests.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a)));
  for (const descriptor of inOrder) {
    const bytes = readImageDocument(descriptor.digest, shop.store);
    const { config, layers } = parseManifest(bytes);
    const isWhole = [config, ...layers].every(({ digest }) => shop.store.blobs.claim(digest));
    if (isWhole && layers.every(isCompressed)) return { manifest: { descriptor, bytes }, config, layers };
  }
  return undefined;
}

function isCompressed({ mediaType }: Descriptor): boolean {
  const types: readonly string[] = [
    MEDIA_TYPE.ociLayerGzip,
    MEDIA_TYPE.ociLayerZstd,
    MEDIA_TYPE.dockerLayerGzip,
  ];
  return types.includes(mediaType);
}

async function gzippedParcel(image: StoredImage, shop: Workshop, signal: AbortSignal): Promise<Parcel> {
  const bytes = readImageDocument(image.id, shop.store);
  const layers: Descriptor[] = [];
  const stack = await ensureLayers({ manifest: image.manifest, config: parseConfig(bytes) }, shop, signal);
  for (const layer of stack.layers) {
    if (signal.aborted) throw new BuildError("cli/canceled", "canceled");
    const { digest, size } = await compressedBlob(layer, "gzip", shop);
    layers.push({ mediaType: MEDIA_TYPE.ociLayerGzip, digest, size });
  }
  const config = { mediaType: MEDIA_TYPE.ociConfig, digest: image.id, size: bytes.length };
  const manifest = encodeManifest(config, layers);
  return { manifest, config, layers };
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
