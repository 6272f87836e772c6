import { statSync } from "node:fs";
import { MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, parseDigest, requireDigest, shortId } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import {
  findReference,
  formatFull,
  formatRepository,
  refNameForOci,
  withDefaultTag,
} from "../core/reference.ts";
import { LockFile } from "../host/lock-file.ts";
import type { BlobDirectory } from "./blob-directory.ts";
import { emptyReach, readConfig, readManifest, walkImage } from "./image-content.ts";
import { type ImageFile, ImageFiles, type ManifestRef, type Ref } from "./image-files.ts";
import { type ForeignEntry, OciProjection } from "./oci-projection.ts";
import type { StoreParts } from "./store-parts.ts";
import { withLock } from "./with-lock.ts";

/** An image to be kept: its blobs are in the store already, in either place. */
export interface NewImage {
  /** Digest of the config; of the index, for an index. */
  readonly id: Digest;
  /** Encodings, the one that names shall point to first. Docker's ones beside an OCI one over the same blobs. */
  readonly manifests: readonly ManifestRef[];
  /** Full names with a tag. */
  readonly names: readonly string[];
  /** `docker.io/library/hello@sha256:…`, of a pull or push. */
  readonly repoDigests?: readonly string[];
  readonly created: string | null;
  readonly sizeBytes: number;
  readonly platform: string;
}

/** An image of the store, with what points to it. */
export interface StoredImage extends Omit<ImageFile, "schema"> {
  /** Full names, sorted; none: dangling. */
  readonly names: readonly string[];
  /** The manifest that names point to: an OCI one where there is one. */
  readonly manifest: Digest;
  /** Latest of its names' times, RFC 3339; null for a dangling image. */
  readonly taggedAt: string | null;
}

/** Images and their names. Changes happen one at a time, under the index lock; reading takes none. */
export class ImageDirectory {
  readonly files: ImageFiles;
  readonly #parts: StoreParts;
  readonly #blobs: BlobDirectory;
  readonly #projection: OciProjection;
  readonly #lock: LockFile;
  #locked = false;

  constructor(parts: StoreParts, blobs: BlobDirectory) {
    this.files = new ImageFiles(parts);
    this.#parts = parts;
    this.#blobs = blobs;
    this.#projection = new OciProjection(parts);
    this.#lock = new LockFile(parts.paths.indexLock);
  }

  /**
   * Keeps an image and gives it its names (taking them from others). Its blobs are moved among the image blobs. Writes nothing
   * where all is so already. `store/damaged` where a blob is not here.
   */
  add(image: NewImage): void {
    if (this.#isKept(image)) return;
    this.change(() => {
      this.#takeBlobs(image);
      this.#merge(image);
      for (const name of image.names) this.#setRef(name, image.id, mainManifest(image.manifests).digest);
    });
  }

  /** `image/not-found` where the image has been removed meanwhile. */
  tag(name: string, id: Digest): void {
    if (this.files.readRef(name)?.image === id && this.#projection.shows(id, name)) return;
    this.change(() => this.#setRef(name, id, this.#require(id).manifest));
  }

  /** False where there was no such name. The image stays, dangling if this was its last name. */
  untag(name: string): boolean {
    return this.change(() => {
      const known = this.files.readRef(name) !== undefined;
      this.files.removeRef(name);
      return known;
    });
  }

  /** Notes that a manifest of the image is known under `repository@digest`: after a push or a pull. */
  addRepoDigest(id: Digest, repository: string, manifest: ManifestRef): void {
    const image = this.#require(id);
    const repoDigests = [...image.repoDigests, `${repository}@${manifest.digest}`];
    this.change(() => {
      this.#blobs.shelter(manifest.digest);
      this.#merge({ ...image, names: [], repoDigests, manifests: [...image.manifests, manifest] });
    });
  }

  /** Every image, the latest created first. Images that other programs put into the layout are taken in. */
  list(): readonly StoredImage[] {
    this.adoptForeign();
    const refs = this.files.refs();
    return this.files
      .images()
      .map((image) => toStored(image, refs))
      .toSorted((a, b) => ((a.created ?? "") < (b.created ?? "") ? 1 : -1));
  }

  get(id: Digest): StoredImage | undefined {
    const image = this.files.readImage(id);
    return image === undefined ? undefined : toStored(image, this.files.refs());
  }

  /** What a full name with a tag points to. One small read: the way of a build's FROM. */
  findRef(name: string): Ref | undefined {
    return this.files.readRef(name) ?? (this.adoptForeign() ? this.files.readRef(name) : undefined);
  }

  /** By full name with a tag. */
  byName(name: string): StoredImage | undefined {
    const ref = this.findRef(name);
    const image = ref === undefined ? undefined : this.get(ref.image);
    return ref === undefined || image === undefined ? undefined : { ...image, manifest: ref.manifest };
  }

  /** By config digest or any manifest digest; with `repository` (full), only what is known under that repository. */
  byDigest(digest: Digest, repository?: string): StoredImage | undefined {
    const refs = this.files.refs();
    for (const file of this.files.images()) {
      const image = toStored(file, refs);
      if (image.id !== digest && !holds(image, digest)) continue;
      if (repository === undefined || isKnownIn(image, repository, digest)) return image;
    }
    return undefined;
  }

  /** By the first digits of the id; `image/ambiguous` where several start so. */
  byIdPrefix(prefix: string): StoredImage | undefined {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
    const ids = this.files.idsStartingWith(prefix);
    if (ids.length > 1) {
      throw new BuildError("image/ambiguous", `${ids.length} images have an id that starts with ${prefix}`, {
        hint: `Give more digits: ${ids
          .slice(0, 5)
          .map((id) => shortId(requireDigest(id)))
          .join(", ")}`,
      });
    }
    return ids[0] === undefined ? undefined : this.get(requireDigest(ids[0]));
  }

  /** As a person writes it: a digest, a name (`:latest` where there is no tag), `name@digest`, else the first digits of an id. */
  resolve(text: string): StoredImage | undefined {
    const digest = parseDigest(text.startsWith("sha256:") ? text : `sha256:${text}`);
    if (digest !== undefined) return this.byDigest(digest);
    if (text.startsWith("sha256:")) return this.byIdPrefix(text.slice("sha256:".length));
    const name = this.fullNameOf(text);
    if (name !== undefined) return this.byName(name) ?? this.byIdPrefix(text);
    const reference = findReference(text);
    return reference?.digest === undefined
      ? undefined
      : this.byDigest(reference.digest, formatRepository(reference));
  }

  /** The id alone, as `resolve` finds it: for a name two small reads, however many images there are. */
  resolveId(text: string): Digest | undefined {
    const name = text.startsWith("sha256:") ? undefined : this.fullNameOf(text);
    const ref = name === undefined ? undefined : this.findRef(name);
    if (ref !== undefined && this.files.readImage(ref.image) !== undefined) return ref.image;
    return this.resolve(text)?.id;
  }

  /** What a person wrote as a full name with a tag; undefined where it is no name, or one with a digest. */
  fullNameOf(text: string): string | undefined {
    const reference = findReference(text);
    if (reference === undefined || reference.digest !== undefined) return undefined;
    return formatFull(withDefaultTag(reference));
  }

  /** Takes images in that other programs added to index.json. True where something was taken in. */
  adoptForeign(): boolean {
    const open = this.#projection.foreignEntries().some((entry) => this.#canAdopt(entry));
    if (open) this.change(() => {});
    return open;
  }

  /** Manifests that other programs put into the layout and that we could not take in: their blobs are not ours to remove. */
  foreignRoots(): readonly Digest[] {
    return this.#projection.foreignEntries().map((entry) => entry.digest);
  }

  /** Runs a change of refs/ or images/ under the index lock, then brings index.json up to date. Nests. */
  change<T>(action: () => T): T {
    if (this.#locked) return action();
    return withLock(this.#parts.paths, this.#lock, "exclusive", () => {
      this.#locked = true;
      const lease = this.#parts.leases.open("write");
      try {
        // What others wrote first: else a name that we set now would be taken back by their older entry.
        const left = this.#projection.foreignEntries().filter((entry) => !this.#adopt(entry));
        const result = action();
        this.#projection.write(this.files.images(), this.files.refs(), left);
        return result;
      } finally {
        this.#locked = false;
        lease[Symbol.dispose]();
      }
    });
  }

  close(): void {
    this.#lock[Symbol.dispose]();
  }

  #require(id: Digest): StoredImage {
    const image = this.get(id);
    if (image !== undefined) return image;
    throw new BuildError("image/not-found", `there is no image ${shortId(id)} in the store`);
  }

  #isKept(image: NewImage): boolean {
    const file = this.files.readImage(image.id);
    if (file === undefined || !image.manifests.every(({ digest }) => holds(file, digest))) return false;
    if (!(image.repoDigests ?? []).every((name) => file.repoDigests.includes(name))) return false;
    const manifest = mainManifest(image.manifests).digest;
    for (const name of image.names) {
      const ref = this.files.readRef(name);
      if (ref?.image !== image.id || ref.manifest !== manifest || !this.#projection.shows(image.id, name))
        return false;
    }
    return this.#reachOf(image).every((digest) => this.#isImageBlob(digest));
  }

  #isImageBlob(digest: Digest): boolean {
    return statSync(this.#parts.paths.imageBlob(digest), { throwIfNoEntry: false }) !== undefined;
  }

  #takeBlobs(image: NewImage): void {
    for (const { digest } of image.manifests) this.#blobs.shelter(digest);
    for (const digest of this.#reachOf(image)) {
      if (this.#blobs.promote(digest)) continue;
      throw new BuildError(
        "store/damaged",
        `blob ${digest} of image ${shortId(image.id)} is not in the store`,
        {
          hint: "Build or pull the image again.",
        },
      );
    }
  }

  /** Blobs that the image needs. Platforms of an index that are not here are no part of it. */
  #reachOf(image: NewImage): readonly Digest[] {
    const reach = emptyReach();
    for (const { digest } of image.manifests) walkImage(this.#blobs, digest, reach, this.#parts.warn);
    return [...reach.blobs].filter((digest) => reach.missing.has(digest) || this.#blobs.has(digest));
  }

  #merge(image: NewImage): void {
    const before = this.files.readImage(image.id);
    const manifests = [...image.manifests, ...(before?.manifests ?? [])];
    const file: ImageFile = {
      schema: 1,
      id: image.id,
      manifests: [
        ...new Map(manifests.map((manifest) => [manifest.digest, toManifestRef(manifest)])).values(),
      ],
      repoDigests: [...new Set([...(before?.repoDigests ?? []), ...(image.repoDigests ?? [])])],
      created: image.created,
      sizeBytes: image.sizeBytes,
      platform: image.platform,
    };
    if (JSON.stringify(before) !== JSON.stringify(file)) this.files.writeImage(file);
  }

  #setRef(name: string, image: Digest, manifest: Digest, alias?: string): void {
    const before = this.files.readRef(name);
    if (before?.image === image && before.manifest === manifest && before.alias === alias) return;
    const taggedAt = new Date(this.#parts.clock.nowMs()).toISOString();
    const ref: Ref = {
      schema: 1,
      name,
      image,
      manifest,
      taggedAt,
      ...(alias === undefined ? {} : { alias }),
    };
    this.files.writeRef(ref);
  }

  #canAdopt(entry: ForeignEntry): boolean {
    return entry.mediaType === MEDIA_TYPE.ociManifest && this.#blobs.has(entry.digest);
  }

  /** False where it is not ours to understand: an index, an artifact, a manifest whose blobs are not here. */
  #adopt(entry: ForeignEntry): boolean {
    if (!this.#canAdopt(entry)) return false;
    const manifest = readManifest(this.#blobs, entry.digest, this.#parts.warn);
    const config =
      manifest === undefined ? undefined : readConfig(this.#blobs, manifest.config.digest, this.#parts.warn);
    if (manifest === undefined || config === undefined) return false;
    const { digest: id } = manifest.config;
    const size = this.#blobs.sizeOf(entry.digest) ?? 0;
    this.#merge({
      id,
      manifests: [{ mediaType: entry.mediaType, digest: entry.digest, size }],
      names: [],
      created: config.created,
      sizeBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
      platform: config.platform,
    });
    const reference = entry.name === undefined ? undefined : findReference(entry.name);
    if (reference !== undefined && reference.digest === undefined) {
      const full = withDefaultTag(reference);
      const alias =
        entry.name === refNameForOci(full) || entry.name === formatFull(full) ? undefined : entry.name;
      this.#setRef(formatFull(full), id, entry.digest, alias);
    }
    return true;
  }
}

function toStored(image: ImageFile, refs: readonly Ref[]): StoredImage {
  const own = refs.filter((ref) => ref.image === image.id);
  const { schema: _, ...facts } = image;
  return {
    ...facts,
    names: own.map((ref) => ref.name),
    manifest: own[0]?.manifest ?? mainManifest(image.manifests).digest,
    taggedAt:
      own
        .map((ref) => ref.taggedAt)
        .toSorted()
        .at(-1) ?? null,
  };
}

function mainManifest(manifests: readonly ManifestRef[]): ManifestRef {
  const main =
    manifests.find(({ mediaType }) => mediaType.startsWith("application/vnd.oci.")) ?? manifests[0];
  if (main === undefined) throw new Error("an image without a manifest");
  return main;
}

function holds(image: Pick<ImageFile, "manifests" | "repoDigests">, digest: Digest): boolean {
  return (
    image.manifests.some((manifest) => manifest.digest === digest) ||
    image.repoDigests.some((name) => name.endsWith(`@${digest}`))
  );
}

function isKnownIn(image: StoredImage, repository: string, digest: Digest): boolean {
  return (
    image.repoDigests.includes(`${repository}@${digest}`) ||
    image.names.some((name) => name.slice(0, name.lastIndexOf(":")) === repository)
  );
}

function toManifestRef({ mediaType, digest, size }: ManifestRef): ManifestRef {
  return { mediaType, digest, size };
}
