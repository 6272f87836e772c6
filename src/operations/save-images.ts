import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, hexOf } from "../core/digest.ts";
import type { LayerRef } from "../core/ports.ts";
import {
  familiarRepository,
  findReference,
  formatFamiliar,
  formatRepository,
  parseReference,
  refNameForOci,
} from "../core/reference.ts";
import { type EncodedDocument, encodeManifest } from "../image/encode.ts";
import { parseConfig, parseManifest } from "../image/parse.ts";
import { compress } from "../layer/compression.ts";
import type { StoredImage } from "../store/image-directory.ts";
import {
  archiveEnd,
  type BlobContent,
  blobEntry,
  bytesEntry,
  directoryEntry,
  type Pieces,
  piecesOfFile,
} from "./archive-output.ts";
import { compressedBlob, type LayerCompression, tarStream } from "./compressed-blob.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { tarDigest } from "./layer-shelf.ts";
import { readImageDocument } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface SaveOptions {
  /** Names, ids, or repositories, which stand for all their tags. */
  readonly images: readonly string[];
  readonly format: "docker-archive" | "oci-archive";
  /** Of the layers, in an OCI archive. Docker's holds them as they are: compress the whole of it. */
  readonly compress?: LayerCompression | undefined;
}

interface SavedImage {
  /** Full names. */
  readonly names: readonly string[];
  readonly config: { readonly digest: Digest; readonly bytes: Buffer };
  readonly manifest: EncodedDocument;
  readonly layers: readonly BlobContent[];
}

/**
 * `save`: an archive of images, piece by piece. `docker-archive` is what `docker save` writes today, and an OCI layout at the same
 * time; the same images are the same bytes.
 */
export function saveImages(options: SaveOptions, shop: Workshop): AsyncGenerator<Uint8Array> {
  const pieces = archivePieces(options, shop);
  // The compressor reads ahead: it needs pieces of its own.
  if (options.format === "oci-archive" || options.compress === undefined) return pieces;
  return compress(copies(pieces), options.compress);
}

async function* archivePieces(options: SaveOptions, shop: Workshop): Pieces {
  using _lease = shop.store.openLease("save");
  const saved: SavedImage[] = [];
  for (const { image, names } of chooseImages(options.images, shop)) {
    saved.push(await prepare(image, names, { options, shop }));
  }
  yield* directoryEntry("blobs");
  yield* directoryEntry("blobs/sha256");
  for (const [digest, blob] of allBlobs(saved)) yield* blobEntry(blobName(digest), blob);
  yield* bytesEntry("index.json", json(indexOf(saved)));
  if (options.format === "docker-archive") yield* bytesEntry("manifest.json", json(saved.map(dockerEntry)));
  yield* bytesEntry("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  if (options.format === "docker-archive") yield* bytesEntry("repositories", json(repositoriesOf(saved)));
  yield* archiveEnd();
}

async function* copies(pieces: Pieces): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

interface Chosen {
  readonly image: StoredImage;
  readonly names: string[];
}

/** Every image once, with the names it was asked for by. */
function chooseImages(texts: readonly string[], shop: Workshop): readonly Chosen[] {
  const chosen = new Map<Digest, Chosen>();
  for (const text of texts) {
    for (const { image, name } of imagesOf(text, shop)) {
      const known = chosen.get(image.id) ?? { image, names: [] };
      chosen.set(image.id, known);
      if (name !== undefined && !known.names.includes(name)) known.names.push(name);
    }
  }
  return [...chosen.values()];
}

/** As Docker: a repository without a tag stands for all its tags. */
function imagesOf(
  text: string,
  shop: Workshop,
): readonly { readonly image: StoredImage; readonly name?: string }[] {
  const { images } = shop.store;
  const reference = findReference(text);
  if (reference !== undefined && reference.tag === undefined && reference.digest === undefined) {
    const repository = formatRepository(reference);
    const tagged = images
      .list()
      .flatMap((image) =>
        image.names.filter((name) => name.startsWith(`${repository}:`)).map((name) => ({ image, name })),
      );
    if (tagged.length > 0) return tagged.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
  const image = findImage(text, shop);
  const name = images.fullNameOf(text);
  return [name !== undefined && image.names.includes(name) ? { image, name } : { image }];
}

async function prepare(
  image: StoredImage,
  names: readonly string[],
  { options, shop }: { readonly options: SaveOptions; readonly shop: Workshop },
): Promise<SavedImage> {
  const bytes = readImageDocument(image.id, shop.store);
  const config = { digest: image.id, bytes };
  const { layers } = await ensureLayers({ manifest: image.manifest, config: parseConfig(bytes) }, shop);
  if (options.format === "docker-archive") {
    const tars = layers.map((layer) => tarContent(layer, shop));
    return { names, config, layers: tars, manifest: manifestOver(config, tars, MEDIA_TYPE.ociLayer) };
  }
  if (options.compress === undefined) return { names, config, ...storedManifest(image, shop) };
  const blobs: Descriptor[] = [];
  for (const layer of layers) blobs.push(await compressedBlob(layer, options.compress, shop));
  const mediaType = options.compress === "gzip" ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayerZstd;
  return {
    names,
    config,
    layers: blobs.map((blob) => storedContent(blob, shop)),
    manifest: manifestOver(config, blobs, mediaType),
  };
}

/** The manifest that names point to, and its blobs, as they are. */
function storedManifest(image: StoredImage, shop: Workshop): Pick<SavedImage, "layers" | "manifest"> {
  const bytes = readImageDocument(image.manifest, shop.store);
  const manifest = parseManifest(bytes);
  const descriptor = { mediaType: manifest.mediaType, digest: image.manifest, size: bytes.length };
  return {
    layers: manifest.layers.map((blob) => storedContent(blob, shop)),
    manifest: { bytes, descriptor },
  };
}

function manifestOver(
  config: SavedImage["config"],
  blobs: readonly Pick<Descriptor, "digest" | "size">[],
  mediaType: string,
): EncodedDocument {
  return encodeManifest(
    { mediaType: MEDIA_TYPE.ociConfig, digest: config.digest, size: config.bytes.length },
    blobs.map(({ digest, size }) => ({ mediaType, digest, size })),
  );
}

function storedContent({ digest, size }: Pick<Descriptor, "digest" | "size">, shop: Workshop): BlobContent {
  return { digest, size, content: () => piecesOfFile(shop.store.blobs.pathOf(digest)) };
}

function tarContent(layer: LayerRef, shop: Workshop): BlobContent {
  const digest = tarDigest(layer);
  const { size } = layer;
  if (shop.store.blobs.claim(digest)) return storedContent({ digest, size }, shop);
  return { digest, size, content: () => tarStream(layer, shop) };
}

/** Each once, by digest: equal images are equal archives. */
function allBlobs(saved: readonly SavedImage[]): readonly (readonly [Digest, BlobContent])[] {
  const blobs = saved.flatMap(({ config, manifest, layers }) => [
    ...layers,
    inMemory(config.digest, config.bytes),
    inMemory(manifest.descriptor.digest, manifest.bytes),
  ]);
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).entries()].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
}

function inMemory(digest: Digest, bytes: Buffer): BlobContent {
  return { digest, size: bytes.length, content: () => once(bytes) };
}

async function* once(bytes: Buffer): Pieces {
  yield bytes;
}

/** Names as the store's own index has them. */
function indexOf(saved: readonly SavedImage[]): unknown {
  const manifests = saved.flatMap(({ names, manifest }) => {
    if (names.length === 0) return [manifest.descriptor];
    return names.map((name) => {
      const refName = refNameForOci(parseReference(name));
      return {
        ...manifest.descriptor,
        annotations: {
          "io.containerd.image.name": name,
          ...(refName === undefined ? {} : { "org.opencontainers.image.ref.name": refName }),
        },
      };
    });
  });
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
}

function dockerEntry({ names, config, layers }: SavedImage): unknown {
  const sources = layers.map(({ digest, size }) => [
    digest,
    { mediaType: MEDIA_TYPE.ociLayer, size, digest },
  ]);
  return {
    Config: blobName(config.digest),
    RepoTags: names.length === 0 ? null : names.map((name) => formatFamiliar(parseReference(name))),
    Layers: layers.map(({ digest }) => blobName(digest)),
    LayerSources: Object.fromEntries(sources),
  };
}

/** For readers of before 2015: repository, tag, top layer. */
function repositoriesOf(saved: readonly SavedImage[]): unknown {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { names, layers } of saved) {
    const top = layers.at(-1);
    for (const name of top === undefined ? [] : names) {
      const reference = parseReference(name);
      const tags = (repositories[familiarRepository(reference)] ??= {});
      tags[reference.tag ?? "latest"] = top === undefined ? "" : hexOf(top.digest);
    }
  }
  return repositories;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
