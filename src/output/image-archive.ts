import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, hexOf } from "../core/digest.ts";
import { familiarRepository, formatFamiliar, parseReference, refNameForOci } from "../core/reference.ts";
import type { EncodedDocument } from "../image/encode.ts";
import { parseManifest } from "../image/parse.ts";
import {
  archiveEnd,
  type BlobContent,
  blobEntry,
  bytesEntry,
  directoryEntry,
  type Pieces,
} from "./archive-output.ts";

/** An image, or an index of several, as it goes into an archive or a layout. */
export interface PackedImage {
  /** Full names. */
  readonly names: readonly string[];
  /** What names point to: a manifest, or an index. */
  readonly top: EncodedDocument;
  /** Configurations, and the manifests of an index. */
  readonly documents: readonly { readonly digest: Digest; readonly bytes: Buffer }[];
  readonly layers: readonly BlobContent[];
  /** Of a single image: what Docker's manifest.json names. */
  readonly config?: Digest | undefined;
  /** Of the entry in index.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export type ArchiveFormat = "docker-archive" | "oci-archive";

/**
 * The archive, piece by piece. `docker-archive` is what `docker save` writes today, and an OCI layout at the same time; the same
 * images are the same bytes.
 */
export async function* imageArchive(images: readonly PackedImage[], format: ArchiveFormat): Pieces {
  yield* directoryEntry("blobs");
  yield* directoryEntry("blobs/sha256");
  for (const [digest, blob] of allBlobs(images)) yield* blobEntry(blobName(digest), blob);
  yield* bytesEntry("index.json", toJson(layoutIndex(images)));
  if (format === "docker-archive") yield* bytesEntry("manifest.json", toJson(images.map(dockerEntry)));
  yield* bytesEntry("oci-layout", LAYOUT_FILE);
  if (format === "docker-archive") yield* bytesEntry("repositories", toJson(repositoriesOf(images)));
  yield* archiveEnd();
}

export const LAYOUT_FILE: Buffer = toJson({ imageLayoutVersion: "1.0.0" });

/** Each once, by digest: equal images are equal archives. */
export function allBlobs(images: readonly PackedImage[]): readonly (readonly [Digest, BlobContent])[] {
  const blobs = images.flatMap(({ top, documents, layers }) => [
    ...layers,
    ...documents.map(({ digest, bytes }) => inMemory(digest, bytes)),
    inMemory(top.descriptor.digest, top.bytes),
  ]);
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).entries()].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
}

/** index.json: names as the store's own has them. */
export function layoutIndex(images: readonly PackedImage[]): {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
} {
  const manifests = images.flatMap(({ names, top, annotations }): Descriptor[] => {
    if (names.length === 0)
      return [annotations === undefined ? top.descriptor : { ...top.descriptor, annotations }];
    return names.map((name) => {
      const refName = refNameForOci(parseReference(name));
      return {
        ...top.descriptor,
        annotations: {
          ...annotations,
          "io.containerd.image.name": name,
          ...(refName === undefined ? {} : { "org.opencontainers.image.ref.name": refName }),
        },
      };
    });
  });
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
}

export function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function inMemory(digest: Digest, bytes: Buffer): BlobContent {
  return { digest, size: bytes.length, content: () => once(bytes) };
}

async function* once(bytes: Buffer): Pieces {
  yield bytes;
}

function dockerEntry({ names, config, layers, top }: PackedImage): unknown {
  if (config === undefined) throw new Error("Docker's archive holds single images");
  const descriptors = parseManifest(top.bytes).layers;
  // Keyed by diff id: of compressed layers the digest is another one, and Docker does without.
  const isPlain = descriptors.every(
    ({ mediaType }) => mediaType === MEDIA_TYPE.ociLayer || mediaType === MEDIA_TYPE.dockerLayer,
  );
  const sources = descriptors.map(({ digest, size, mediaType }) => [digest, { mediaType, size, digest }]);
  return {
    Config: blobName(config),
    RepoTags: names.length === 0 ? null : names.map((name) => formatFamiliar(parseReference(name))),
    Layers: layers.map(({ digest }) => blobName(digest)),
    ...(isPlain ? { LayerSources: Object.fromEntries(sources) } : {}),
  };
}

/** For readers of before 2015: repository, tag, top layer. */
function repositoriesOf(images: readonly PackedImage[]): unknown {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { names, layers } of images) {
    const top = layers.at(-1);
    for (const name of top === undefined ? [] : names) {
      const reference = parseReference(name);
      const tags = (repositories[familiarRepository(reference)] ??= {});
      tags[reference.tag ?? "latest"] = top === undefined ? "" : hexOf(top.digest);
    }
  }
  return repositories;
}
