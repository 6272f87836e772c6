import { existsSync, readFileSync } from "node:fs";
import { MEDIA_TYPE } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { findReference, refNameForOci } from "../core/reference.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { guardDisk } from "./disk-errors.ts";
import type { ImageFile, ManifestRef, Ref } from "./image-files.ts";
import { isDigestText, isObject, isText, parseJson } from "./shapes.ts";
import type { StoreParts } from "./store-parts.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const FULL_NAME = "io.containerd.image.name";
/** Marks entries that we wrote, with the image's id: all others are another program's. */
const OURS = "io.tsbuild.image";

/** An entry of index.json that another program wrote: kept word for word until it is adopted. */
export interface ForeignEntry {
  readonly value: Readonly<Record<string, unknown>>;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly name: string | undefined;
}

/** `oci-layout` and `index.json` (OCI image-spec image-layout.md): a view of refs/ and images/ for other programs. */
export class OciProjection {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Entries that other programs added. A torn index.json has none: it is written anew with the next change. */
  foreignEntries(): readonly ForeignEntry[] {
    const entries = this.#readEntries();
    if (entries === undefined) this.#parts.warn(`${this.#parts.paths.index} is damaged; it is written anew`);
    return (entries ?? []).map(toForeign).filter((entry) => entry !== undefined);
  }

  /** True where index.json has our entry of this image under this name. */
  shows(id: Digest, name: string): boolean {
    return (this.#readEntries() ?? []).some((entry) => {
      const annotations = isObject(entry) ? entry["annotations"] : undefined;
      return isObject(annotations) && annotations[OURS] === id && annotations[FULL_NAME] === name;
    });
  }

  /** Writes both files anew, unless they say the same already. Call it under the index lock. */
  write(images: readonly ImageFile[], refs: readonly Ref[], foreign: readonly ForeignEntry[]): void {
    const { paths, leases } = this.#parts;
    const manifests = [...entriesOf(images, refs), ...foreign.map((entry) => entry.value)];
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests });
    if (readText(paths.index) === text && existsSync(paths.ociLayout)) return;
    using lease = leases.open("write");
    // A view that can be made again: not synced.
    const how = { tempDir: lease.dir, sync: false };
    guardDisk(paths, () => {
      if (!existsSync(paths.ociLayout))
        writeFileAtomic(paths.ociLayout, '{"imageLayoutVersion":"1.0.0"}', how);
      writeFileAtomic(paths.index, text, how);
    });
  }

  #readEntries(): readonly unknown[] | undefined {
    const text = readText(this.#parts.paths.index);
    if (text === undefined) return [];
    const index = parseJson(text);
    return isObject(index) && Array.isArray(index["manifests"]) ? index["manifests"] : undefined;
  }
}

function entriesOf(
  images: readonly ImageFile[],
  refs: readonly Ref[],
): readonly Readonly<Record<string, unknown>>[] {
  const byId = new Map(images.map((image) => [image.id, image]));
  const entries: Readonly<Record<string, unknown>>[] = [];
  for (const ref of refs) {
    const manifest = manifestForLayout(byId.get(ref.image), ref.manifest);
    if (manifest === undefined) continue;
    for (const refName of refNamesOf(ref)) {
      const annotations = {
        ...(refName === undefined ? {} : { [REF_NAME]: refName }),
        [FULL_NAME]: ref.name,
      };
      entries.push(toEntry(manifest, ref.image, annotations));
    }
  }
  const named = new Set(refs.map((ref) => ref.image));
  for (const image of images.filter(({ id }) => !named.has(id)).toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const manifest = manifestForLayout(image, undefined);
    if (manifest !== undefined) entries.push(toEntry(manifest, image.id, {}));
  }
  return entries;
}

function toEntry(
  manifest: ManifestRef,
  id: Digest,
  names: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const { mediaType, digest, size } = manifest;
  return { mediaType, digest, size, annotations: { ...names, [OURS]: id } };
}

/** skopeo and umoci refuse Docker's media types in a layout: an OCI encoding of the same image stands in. */
function manifestForLayout(
  image: ImageFile | undefined,
  wanted: Digest | undefined,
): ManifestRef | undefined {
  const usable = (image?.manifests ?? []).filter(
    ({ mediaType }) => mediaType === MEDIA_TYPE.ociManifest || mediaType === MEDIA_TYPE.ociIndex,
  );
  return usable.find(({ digest }) => digest === wanted) ?? usable[0];
}

function refNamesOf(ref: Ref): readonly (string | undefined)[] {
  const reference = findReference(ref.name);
  const familiar = reference === undefined ? undefined : refNameForOci(reference);
  return ref.alias === undefined || ref.alias === familiar ? [familiar] : [familiar, ref.alias];
}

function toForeign(value: unknown): ForeignEntry | undefined {
  if (!isObject(value) || !isDigestText(value["digest"])) return undefined;
  const annotations = isObject(value["annotations"]) ? value["annotations"] : {};
  if (annotations[OURS] !== undefined) return undefined;
  const name = annotations[FULL_NAME] ?? annotations[REF_NAME];
  const { mediaType } = value;
  return {
    value,
    mediaType: isText(mediaType) ? mediaType : MEDIA_TYPE.ociManifest,
    digest: value["digest"],
    name: isText(name) ? name : undefined,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
