import { createHash } from "node:crypto";
import { MEDIA_TYPE } from "../core/descriptor.ts";
import {
  type ChainId,
  type DiffId,
  type Digest,
  requireChainId,
  requireDigest,
  toDiffId,
} from "../core/digest.ts";
import { isBuildError } from "../core/errors.ts";
import { formatPlatform } from "../core/platform.ts";
import type { BlobDirectory } from "./blob-directory.ts";
import type { ManifestRef } from "./image-files.ts";
import { isCount, isDigestText, isListOf, isObject, isText, parseJson } from "./shapes.ts";

/** What hangs on one manifest, read from its blobs. */
export interface ManifestContent {
  readonly config: ManifestRef;
  readonly layers: readonly ManifestRef[];
}

/** What the store needs to know of a config. */
export interface ConfigContent {
  readonly diffIds: readonly DiffId[];
  readonly created: string | null;
  readonly platform: string;
}

/** Every blob below a manifest or an index, itself included; those that are not here too. */
export interface Reach {
  readonly blobs: Set<Digest>;
  /** Chain ids of every layer of every config reached. */
  readonly chains: Set<ChainId>;
  /** Blobs without which the image does not work: children of an index may be absent, their parts may not. */
  readonly missing: Set<Digest>;
}

export function emptyReach(): Reach {
  return { blobs: new Set(), chains: new Set(), missing: new Set() };
}

/** Adds to `reach` what hangs on `digest`. Damaged blobs count as missing: `onDamaged` is told. */
export function walkImage(
  blobs: BlobDirectory,
  digest: Digest,
  reach: Reach,
  onDamaged: (text: string) => void,
): void {
  if (reach.blobs.has(digest)) return;
  reach.blobs.add(digest);
  const document = readDocument(blobs, digest, onDamaged);
  if (document === undefined) {
    reach.missing.add(digest);
    return;
  }
  for (const child of childrenOfIndex(document)) {
    if (blobs.has(child)) walkImage(blobs, child, reach, onDamaged);
    else reach.blobs.add(child);
  }
  const manifest = toManifest(document);
  if (manifest === undefined) return;
  for (const { digest: layer } of manifest.layers) {
    reach.blobs.add(layer);
    if (!blobs.has(layer)) reach.missing.add(layer);
  }
  reach.blobs.add(manifest.config.digest);
  const config = readConfig(blobs, manifest.config.digest, onDamaged);
  if (config === undefined) reach.missing.add(manifest.config.digest);
  for (const chain of chainsOf(config?.diffIds ?? [])) reach.chains.add(chain);
}

/** Undefined where the blob is absent, damaged or no manifest. */
export function readManifest(
  blobs: BlobDirectory,
  digest: Digest,
  onDamaged: (text: string) => void,
): ManifestContent | undefined {
  const document = readDocument(blobs, digest, onDamaged);
  return document === undefined ? undefined : toManifest(document);
}

/** Undefined where the blob is absent, damaged or no config (an artifact's config need not be one). */
export function readConfig(
  blobs: BlobDirectory,
  digest: Digest,
  onDamaged: (text: string) => void,
): ConfigContent | undefined {
  const document = readDocument(blobs, digest, onDamaged);
  if (document === undefined) return undefined;
  const rootfs = document["rootfs"];
  const diffIds = isObject(rootfs) && isListOf(rootfs["diff_ids"], isDigestText) ? rootfs["diff_ids"] : [];
  const { os, architecture, variant, created } = document;
  return {
    diffIds: diffIds.map(toDiffId),
    created: isText(created) ? created : null,
    platform: formatPlatform({
      os: isText(os) ? os : "unknown",
      architecture: isText(architecture) ? architecture : "unknown",
      variant: isText(variant) && variant !== "" ? variant : undefined,
    }),
  };
}

/** OCI image-spec config.md#layer-chainid, for every layer of a stack. */
export function chainsOf(diffIds: readonly DiffId[]): readonly ChainId[] {
  const chains: ChainId[] = [];
  for (const diffId of diffIds) {
    const below = chains.at(-1);
    const chain =
      below === undefined
        ? diffId
        : `sha256:${createHash("sha256").update(`${below} ${diffId}`).digest("hex")}`;
    chains.push(requireChainId(chain));
  }
  return chains;
}

function readDocument(
  blobs: BlobDirectory,
  digest: Digest,
  onDamaged: (text: string) => void,
): Readonly<Record<string, unknown>> | undefined {
  try {
    const bytes = blobs.readWhole(digest);
    const document = bytes === undefined ? undefined : parseJson(bytes.toString("utf8"));
    return isObject(document) ? document : undefined;
  } catch (error) {
    if (!isBuildError(error)) throw error;
    onDamaged(error.message);
    return undefined;
  }
}

function toManifest(document: Readonly<Record<string, unknown>>): ManifestContent | undefined {
  const config = toRef(document["config"], MEDIA_TYPE.ociConfig);
  const layers = document["layers"];
  if (config === undefined || !Array.isArray(layers)) return undefined;
  const refs = layers.map((layer: unknown) => toRef(layer, MEDIA_TYPE.ociLayer));
  return refs.includes(undefined) ? undefined : { config, layers: refs.filter((ref) => ref !== undefined) };
}

function childrenOfIndex(document: Readonly<Record<string, unknown>>): readonly Digest[] {
  const manifests = document["manifests"];
  if (!Array.isArray(manifests)) return [];
  return manifests
    .map((child: unknown) => toRef(child, MEDIA_TYPE.ociManifest)?.digest)
    .filter((digest) => digest !== undefined);
}

function toRef(value: unknown, mediaType: string): ManifestRef | undefined {
  if (!isObject(value) || !isDigestText(value["digest"]) || !isCount(value["size"])) return undefined;
  return {
    mediaType: isText(value["mediaType"]) ? value["mediaType"] : mediaType,
    digest: requireDigest(value["digest"]),
    size: value["size"],
  };
}
