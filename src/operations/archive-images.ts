import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, hexOf } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform, samePlatform } from "../core/platform.ts";
import { findReference, formatFull, withDefaultTag } from "../core/reference.ts";
import { digestOf } from "../image/encode.ts";
import { parseIndex, parseManifest } from "../image/parse.ts";
import { bad, field, fullNameOf, requireDocument, requireFile } from "./archive-checks.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import type { ArchivedImage, ArchivedManifest } from "./archived-image.ts";
import { legacyImages } from "./legacy-archive.ts";

const MAX_INDEX_DEPTH = 3;
const FULL_NAME = "io.containerd.image.name";
const REF_NAME = "org.opencontainers.image.ref.name";

/**
 * The images of an archive: `docker save` of any year (manifest.json, or `repositories` alone), or an OCI layout. Throws
 * `image/bad-archive`.
 */
export async function readArchivedImages(
  files: ArchiveFiles,
  platform: Platform,
): Promise<readonly ArchivedImage[]> {
  const layout = files.find("index.json") === undefined ? [] : layoutImages(files);
  if (files.find("manifest.json") !== undefined) return dockerImages(files, layout);
  if (layout.length > 0) return chooseImages(layout, platform).map((entry) => ociImage(files, entry));
  if (files.find("repositories") !== undefined) return await legacyImages(files);
  throw bad(
    "it holds neither manifest.json nor index.json",
    "Archives come from docker save, skopeo, buildah or tsbuild save.",
  );
}

/** One image of an OCI layout, by tag or digest; without either the only one, or `latest`. */
export function readLayoutImage(
  files: ArchiveFiles,
  which: {
    readonly place: string;
    readonly tag: string | undefined;
    readonly digest: string | undefined;
    readonly platform: Platform;
  },
): ArchivedImage {
  const { tag, digest, place, platform } = which;
  if (files.find("index.json") === undefined)
    throw bad(`${place} is no OCI layout: it has no index.json`, "Name the folder that index.json is in.");
  const { manifests } = parseIndex(requireDocument(files, "index.json"));
  const isWanted = ({ annotations, digest: own }: Descriptor) => {
    if (digest !== undefined) return own === digest;
    const name = annotations?.[REF_NAME];
    const wanted = tag ?? "latest";
    return name === wanted || name?.endsWith(`:${wanted}`) === true;
  };
  const only = tag === undefined && digest === undefined && manifests.length === 1 ? manifests[0] : undefined;
  const descriptor = only ?? manifests.find(isWanted);
  if (descriptor === undefined) {
    const names = manifests.flatMap(({ annotations }) => annotations?.[REF_NAME] ?? []);
    throw bad(
      `${place} has no image ${digest ?? tag ?? "latest"}`,
      `It has: ${names.join(", ") || "none with a name"}.`,
    );
  }
  const entries = walkLayout(files, descriptor, { group: 0, names: [], depth: 0 });
  const [entry] = chooseImages(entries, platform);
  if (entry === undefined) throw new Error("chooseImages throws where there is none");
  return ociImage(files, entry);
}

interface LayoutEntry extends ArchivedManifest {
  readonly names: readonly string[];
  readonly platform: Platform | undefined;
  /** Entries of one index stand for one image on several platforms. */
  readonly group: number;
}

/** Every manifest that index.json leads to. Platforms that the archive leaves out are left out. */
function layoutImages(files: ArchiveFiles): readonly LayoutEntry[] {
  const index = parseIndex(requireDocument(files, "index.json"));
  return index.manifests.flatMap((descriptor, group) =>
    walkLayout(files, descriptor, { group, names: namesOf(descriptor), depth: 0 }),
  );
}

function walkLayout(
  files: ArchiveFiles,
  descriptor: Descriptor,
  at: { readonly group: number; readonly names: readonly string[]; readonly depth: number },
): readonly LayoutEntry[] {
  const isAttestation = descriptor.platform?.os === "unknown";
  if (isAttestation || at.depth > MAX_INDEX_DEPTH) return [];
  const bytes = files.read(blobName(descriptor.digest));
  if (bytes === undefined && at.depth > 0) return [];
  if (bytes === undefined) throw bad(`the manifest ${descriptor.digest} is missing`);
  requireSame(bytes, descriptor.digest);
  if (isIndex(descriptor.mediaType)) {
    return parseIndex(bytes).manifests.flatMap((child) =>
      walkLayout(files, child, { ...at, depth: at.depth + 1 }),
    );
  }
  return [
    {
      descriptor,
      bytes,
      manifest: parseManifest(bytes),
      names: at.names,
      platform: descriptor.platform,
      group: at.group,
    },
  ];
}

/** One image of each group: this machine's where there are several. */
function chooseImages(entries: readonly LayoutEntry[], platform: Platform): readonly LayoutEntry[] {
  const groups = Map.groupBy(entries, (entry) => entry.group);
  const chosen = [...groups.values()].map((group) => {
    if (group.length === 1) return group[0];
    return group.find((entry) => entry.platform !== undefined && samePlatform(entry.platform, platform));
  });
  const found = chosen.filter((entry) => entry !== undefined);
  // The same image under several names has an entry for each.
  const merged = Map.groupBy(found, (entry) => entry.descriptor.digest);
  if (found.length > 0) {
    return [...merged.values()].flatMap((same) =>
      same[0] === undefined ? [] : [{ ...same[0], names: [...new Set(same.flatMap((e) => e.names))] }],
    );
  }
  const there = entries.map((entry) =>
    entry.platform === undefined ? "unnamed" : formatPlatform(entry.platform),
  );
  throw new BuildError("registry/no-platform", `the archive has no image for ${formatPlatform(platform)}`, {
    hint: `It has: ${[...new Set(there)].join(", ")}.`,
  });
}

function ociImage(files: ArchiveFiles, entry: LayoutEntry): ArchivedImage {
  const { descriptor, bytes, manifest } = entry;
  const config = requireDocument(files, blobName(manifest.config.digest));
  requireSame(config, manifest.config.digest);
  const layers = manifest.layers.map(({ digest }) => ({
    file: requireFile(files, blobName(digest)),
    digest,
  }));
  return { names: entry.names, config, layers, manifest: { descriptor, bytes, manifest } };
}

/** manifest.json. Where the archive is a layout too, the image keeps the manifest that it has there. */
function dockerImages(files: ArchiveFiles, layout: readonly LayoutEntry[]): readonly ArchivedImage[] {
  return parseList(requireDocument(files, "manifest.json")).map((item) => {
    const { config: configName, tags, layers } = readItem(item);
    const config = requireDocument(files, configName);
    const id = digestOf(config);
    requireNamedAs(configName, id);
    const names = tags.map(fullNameOf);
    const twin = layout.find((entry) => entry.manifest.config.digest === id);
    if (twin?.manifest.layers.every(({ digest }) => files.find(blobName(digest)) !== undefined) === true) {
      return { ...ociImage(files, twin), names };
    }
    return {
      names,
      config,
      layers: layers.map((name) => ({ file: requireFile(files, name), digest: undefined })),
      manifest: undefined,
    };
  });
}

function readItem(item: unknown): { config: string; tags: readonly string[]; layers: readonly string[] } {
  const config = field(item, "Config");
  const layers = field(item, "Layers") ?? [];
  const tags = field(item, "RepoTags") ?? [];
  if (typeof config !== "string" || !isTexts(layers) || !isTexts(tags)) {
    throw bad("its manifest.json has an entry without Config, Layers or RepoTags as they should be");
  }
  return { config, tags, layers };
}

function parseList(bytes: Buffer): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw bad("its manifest.json is not JSON");
  }
  if (!Array.isArray(value) || value.length === 0) throw bad("its manifest.json lists no image");
  return value;
}

/** `<id>.json` and `blobs/sha256/<id>` name their digest. */
function requireNamedAs(name: string, digest: Digest): void {
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex !== undefined && hex !== hexOf(digest)) throw bad(`${name} is damaged: it is ${digest}`);
}

/** containerd's name is the whole one; the specification's may be a tag alone, which names no image. */
function namesOf({ annotations }: Descriptor): readonly string[] {
  const name = annotations?.[FULL_NAME] ?? annotations?.[REF_NAME];
  if (name === undefined || /^(?:latest|v?\d[\w.+-]*)$/.test(name)) return [];
  const reference = findReference(name);
  return reference === undefined || reference.digest !== undefined
    ? []
    : [formatFull(withDefaultTag(reference))];
}

function requireSame(bytes: Buffer, digest: Digest): void {
  const found = digestOf(bytes);
  if (found !== digest) throw bad(`blob ${digest} is damaged: it is ${found}`);
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function isIndex(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.ociIndex || mediaType === MEDIA_TYPE.dockerManifestList;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
