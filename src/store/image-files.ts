import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { guardDisk } from "./disk-errors.ts";
import { namesIn } from "./record-directory.ts";
import { readSealed, seal } from "./sealed-json.ts";
import { isCount, isDigestText, isListOf, isObject, isText } from "./shapes.ts";
import type { StoreParts } from "./store-parts.ts";

export type ManifestRef = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** `refs/<name>.json`: the truth about one name. */
export interface Ref {
  readonly schema: 1;
  /** Full, with a tag: `docker.io/library/hello:1.0.0`. */
  readonly name: string;
  readonly image: Digest;
  readonly manifest: Digest;
  /** RFC 3339. */
  readonly taggedAt: string;
  /** What another program called it in index.json, where that is not our familiar name. */
  readonly alias?: string;
}

/** `images/<id>.json`: an image and all its encodings known here. */
export interface ImageFile {
  readonly schema: 1;
  /** Digest of the config; of the index, where the image is an index. */
  readonly id: Digest;
  readonly manifests: readonly ManifestRef[];
  /** Full repository and manifest digest: `docker.io/library/hello@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** RFC 3339, of the config. */
  readonly created: string | null;
  /** Bytes of all layers, as the caller counts them. */
  readonly sizeBytes: number;
  readonly platform: string;
}

/** Reads and writes the two kinds of file. Changes are made under the index lock by the caller; reading needs none. */
export class ImageFiles {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  readRef(name: string): Ref | undefined {
    const ref = this.#read(this.#parts.paths.ref(name), isRef, "name");
    return ref?.name === name ? ref : undefined;
  }

  readImage(id: Digest): ImageFile | undefined {
    const image = this.#read(this.#parts.paths.image(id), isImageFile, "image");
    return image?.id === id ? image : undefined;
  }

  /** All names, sorted. */
  refs(): readonly Ref[] {
    const { refs } = this.#parts.paths;
    return namesIn(refs)
      .map((name) => this.#read(join(refs, name), isRef, "name"))
      .filter((ref) => ref !== undefined)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  images(): readonly ImageFile[] {
    const { images } = this.#parts.paths;
    return namesIn(images)
      .map((name) => this.#read(join(images, name), isImageFile, "image"))
      .filter((image) => image !== undefined);
  }

  /** Digests of images whose 64 digits start so. */
  idsStartingWith(prefix: string): readonly string[] {
    return namesIn(this.#parts.paths.images)
      .filter((name) => name.startsWith(prefix))
      .map((name) => `sha256:${name.slice(0, 64)}`);
  }

  writeRef(ref: Ref): void {
    this.#write(this.#parts.paths.ref(ref.name), ref);
  }

  writeImage(image: ImageFile): void {
    this.#write(this.#parts.paths.image(image.id), image);
  }

  removeRef(name: string): void {
    rmSync(this.#parts.paths.ref(name), { force: true });
  }

  removeImage(id: Digest): void {
    rmSync(this.#parts.paths.image(id), { force: true });
  }

  #write(path: string, value: Ref | ImageFile): void {
    const { paths, leases } = this.#parts;
    using lease = leases.open("write");
    guardDisk(paths, () => writeFileAtomic(path, seal(value), { tempDir: lease.dir, sync: true }));
  }

  #read<T>(path: string, accepts: (value: unknown) => value is T, what: string): T | undefined {
    const file = readSealed(path, accepts);
    if (file.state === "good") return file.value;
    if (file.state === "damaged") this.#parts.warn(`${what} ${path} is damaged; it is treated as missing`);
    return undefined;
  }
}

/** Files under refs/ and images/ that cannot be read as what they are. */
export function damagedImageFiles(parts: StoreParts): readonly string[] {
  const { refs, images } = parts.paths;
  return [
    ...pathsIn(refs).filter((path) => readSealed(path, isRef).state === "damaged"),
    ...pathsIn(images).filter((path) => readSealed(path, isImageFile).state === "damaged"),
  ];
}

function pathsIn(folder: string): readonly string[] {
  return namesIn(folder).map((name) => join(folder, name));
}

function isRef(value: unknown): value is Ref {
  return (
    isObject(value) &&
    value["schema"] === 1 &&
    isText(value["name"]) &&
    isDigestText(value["image"]) &&
    isDigestText(value["manifest"]) &&
    isText(value["taggedAt"])
  );
}

function isImageFile(value: unknown): value is ImageFile {
  return (
    isObject(value) &&
    value["schema"] === 1 &&
    isDigestText(value["id"]) &&
    isListOf(value["manifests"], isManifestRef) &&
    isListOf(value["repoDigests"], isText) &&
    (value["created"] === null || isText(value["created"])) &&
    isCount(value["sizeBytes"]) &&
    isText(value["platform"])
  );
}

function isManifestRef(value: unknown): value is ManifestRef {
  return (
    isObject(value) && isText(value["mediaType"]) && isDigestText(value["digest"]) && isCount(value["size"])
  );
}
