import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { ImageConfig, ImageManifest } from "../core/image.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { LayerRef } from "../core/ports.ts";
import {
  formatFamiliar,
  formatFull,
  formatRepository,
  type Reference,
  withDefaultTag,
} from "../core/reference.ts";
import { digestOf } from "../image/encode.ts";
import { parseConfig } from "../image/parse.ts";
import type { ManifestRef } from "../store/image-files.ts";
import { fetchLayers } from "./fetch-layers.ts";
import { ociTwin } from "./oci-twin.ts";
import type { Workshop } from "./workshop.ts";

export interface PullHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  readonly platform: Platform;
  /** --authfile. */
  readonly authFile?: string | undefined;
  /** False: the image that has the name keeps it, and this one is known by its digest. */
  readonly keepsName?: boolean | undefined;
}

export interface PulledImage {
  /** Of the configuration. */
  readonly id: Digest;
  /** What the name stands for: an index's where there is one. */
  readonly digest: Digest;
  /** False where the name stood for this image already, and everything was here. */
  readonly isNew: boolean;
}

/** Fetches an image for a platform. Blobs that are here are not fetched again; what is whole stays when the rest fails. */
export async function pullImage(reference: Reference, how: PullHow): Promise<PulledImage> {
  try {
    return await pull(withDefaultTag(reference), how);
  } catch (error) {
    throw how.signal.aborted ? new BuildError("cli/canceled", "canceled", { cause: error }) : error;
  }
}

async function pull(reference: Reference, how: PullHow): Promise<PulledImage> {
  const { shop, signal, platform } = how;
  // The network's machinery is only loaded where something is pulled.
  const { resolveManifest } = await import("../registry/pull.ts");
  const { fetchSmallBlob } = await import("../registry/fetch-blob.ts");
  using _lease = shop.store.openLease("pull");
  await using client = await openClient(how);
  const known = (digest: Digest) => readSound(digest, shop);
  const resolved = await resolveManifest(client, reference, platform, { signal, known });
  const { manifest, source } = resolved;
  requireImage(reference, manifest);
  const configBytes =
    known(manifest.config.digest) ?? (await fetchSmallBlob(client, source, manifest.config, signal));
  const config = parseConfig(configBytes);
  requireLayers(reference, manifest, config);
  const { layers } = await fetchLayers(manifest.layers, config.rootfs.diff_ids, { client, source, ...how });
  const { digest } = resolved;
  const before = shop.store.images.resolve(formatFull(reference));
  const id = keepPulled(reference, { resolved, configBytes, config, layers, how });
  return {
    id,
    digest,
    isNew: before?.id !== id || !before.repoDigests.some((text) => text.endsWith(digest)),
  };
}

/** Undefined where it is absent, or damaged: it is fetched again then. */
function readSound(digest: Digest, { store }: Workshop): Buffer | undefined {
  try {
    return store.blobs.claim(digest) ? store.blobs.readWhole(digest) : undefined;
  } catch (error) {
    if (isBuildError(error)) return undefined;
    throw error;
  }
}

/** A client for this command's registries, loaded on first use. */
export async function openClient(
  how: Pick<PullHow, "emit" | "authFile"> & { readonly shop: Pick<Workshop, "env"> },
) {
  const { openRegistryClient } = await import("../registry/client.ts");
  const { VERSION } = await import("./version.ts");
  return openRegistryClient({
    version: VERSION,
    env: how.shop.env,
    authFile: how.authFile,
    onNote: (text) => how.emit({ type: "note", level: "info", text }),
  });
}

/** Signatures, charts and caches have configurations of other kinds. An old tool may have left the kind out, or written another. */
function requireImage(reference: Reference, { config: { mediaType } }: ImageManifest): void {
  const isOther = mediaType !== MEDIA_TYPE.ociConfig && mediaType !== MEDIA_TYPE.dockerConfig;
  if (!isOther || !mediaType.startsWith("application/vnd.")) return;
  throw new BuildError(
    "registry/no-image",
    `${formatFamiliar(reference)} is no container image (its configuration is ${mediaType})`,
    { hint: "tsbuild manifest inspect shows what it is; tsbuild copy copies it." },
  );
}

function requireLayers(reference: Reference, manifest: ImageManifest, config: ImageConfig): void {
  if (manifest.layers.length === config.rootfs.diff_ids.length) return;
  throw new BuildError(
    "registry/no-image",
    `${formatFamiliar(reference)} is no container image: its manifest and its configuration list different layers`,
  );
}

function keepPulled(
  reference: Reference,
  pulled: {
    readonly resolved: {
      readonly digest: Digest;
      readonly descriptor: Descriptor;
      readonly bytes: Buffer;
      readonly manifest: ImageManifest;
      readonly index?: { readonly descriptor: Descriptor; readonly bytes: Buffer } | undefined;
    };
    readonly configBytes: Buffer;
    readonly config: ImageConfig;
    readonly layers: readonly LayerRef[];
    readonly how: PullHow;
  },
): Digest {
  const { resolved, configBytes, config, layers, how } = pulled;
  const { shop, keepsName = true } = how;
  const { store } = shop;
  store.blobs.write(configBytes);
  store.blobs.write(resolved.bytes);
  const manifests: ManifestRef[] = [resolved.descriptor];
  if (resolved.manifest.mediaType === MEDIA_TYPE.dockerManifest)
    manifests.unshift(ociTwin(resolved.manifest, shop));
  if (resolved.index !== undefined) store.blobs.write(resolved.index.bytes);
  const id = digestOf(configBytes);
  store.images.add({
    id,
    manifests,
    names: reference.digest === undefined && keepsName ? [formatFull(reference)] : [],
    repoDigests: [`${formatRepository(reference)}@${resolved.digest}`],
    created: config.created ?? null,
    sizeBytes: layers.reduce((sum, layer) => sum + layer.size, 0),
    platform: formatPlatform(config),
  });
  return id;
}
