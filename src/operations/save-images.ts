import type { Digest } from "../core/digest.ts";
import type { Platform } from "../core/platform.ts";
import { findReference, formatRepository } from "../core/reference.ts";
import { compress } from "../layer/compression.ts";
import type { Pieces } from "../output/archive-output.ts";
import { type ArchiveFormat, imageArchive, type PackedImage } from "../output/image-archive.ts";
import type { StoredImage } from "../store/image-directory.ts";
import type { LayerCompression } from "./compressed-blob.ts";
import { findImage } from "./find-image.ts";
import { type PackEncoding, packImage, packIndex } from "./pack-image.ts";
import { isIndex, singleImage } from "./platform-images.ts";
import type { Workshop } from "./workshop.ts";

export interface SaveOptions {
  /** Names, ids, or repositories, which stand for all their tags. */
  readonly images: readonly string[];
  readonly format: ArchiveFormat;
  /** Of the layers, in an OCI archive. Docker's holds them as they are: compress the whole of it. */
  readonly compress?: LayerCompression | undefined;
  /** Of an image with several: this one alone. Docker's format holds one: this machine's, if none is given. */
  readonly platform?: Platform | undefined;
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
  const saved: PackedImage[] = [];
  for (const { image, names } of chooseImages(options.images, shop)) {
    saved.push(await prepare(image, names, { options, shop }));
  }
  yield* imageArchive(saved, options.format);
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
  stored: StoredImage,
  names: readonly string[],
  { options, shop }: { readonly options: SaveOptions; readonly shop: Workshop },
): Promise<PackedImage> {
  const encoding = savedAs(options);
  const isWhole = options.format === "oci-archive" && options.platform === undefined && isIndex(stored);
  if (isWhole) return { ...(await packIndex(stored, encoding, shop)), names };
  return { ...(await packImage(singleImage(stored, options.platform, shop), encoding, shop)), names };
}

function savedAs({ format, compress: method }: SaveOptions): PackEncoding {
  if (format === "docker-archive") return { type: "tars" };
  return method === undefined ? { type: "stored" } : { type: "compressed", as: method };
}
