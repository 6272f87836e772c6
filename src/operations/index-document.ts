import { MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatPlatform } from "../core/platform.ts";
import { type EncodedDocument, encodeJson } from "../image/encode.ts";
import { parseConfig } from "../image/parse.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { FetchedDocument } from "../registry/fetch-document.ts";

/** An entry of an index, every field as it is: what we do not know of is kept. */
export interface IndexEntry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: IndexPlatform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly [field: string]: unknown;
}

export interface IndexPlatform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/** What an index would list for a document: an index's own entries, or one for the image, with the platform of its config. */
export async function entriesOf(
  client: RegistryClient,
  fetched: FetchedDocument,
  signal: AbortSignal,
): Promise<readonly IndexEntry[]> {
  const { document, source } = fetched;
  if (document.kind === "index") return rawEntries(document.bytes);
  const { mediaType, digest, size } = document.descriptor;
  const { config } = document.manifest;
  const isImage = [MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig].some((type) => type === config.mediaType);
  if (!isImage) return [{ mediaType, digest, size, artifactType: config.mediaType }];
  const { fetchSmallBlob } = await import("../registry/fetch-blob.ts");
  const image = parseConfig(await fetchSmallBlob(client, source, config, signal));
  const platform: IndexPlatform = {
    architecture: image.architecture,
    os: image.os,
    ...(image.variant === undefined ? {} : { variant: image.variant }),
    ...(image["os.version"] === undefined ? {} : { "os.version": image["os.version"] }),
    ...(image["os.features"] === undefined ? {} : { "os.features": image["os.features"] }),
  };
  return [{ mediaType, digest, size, platform }];
}

/** The entries of an index's bytes, which were checked when they came. */
export function rawEntries(bytes: Uint8Array): readonly IndexEntry[] {
  const json: { readonly manifests?: readonly unknown[] } = JSON.parse(Buffer.from(bytes).toString("utf8"));
  return (json.manifests ?? []).filter(isEntry);
}

export function isEntry(value: unknown): value is IndexEntry {
  if (typeof value !== "object" || value === null || !("digest" in value) || !("size" in value)) return false;
  return (
    typeof value.digest === "string" &&
    parseDigest(value.digest) !== undefined &&
    typeof value.size === "number"
  );
}

/** Entries as an index. Docker's kind where all of them are Docker's and nothing needs OCI's; each digest once. */
export function encodeIndex(
  entries: readonly IndexEntry[],
  annotations: Readonly<Record<string, string>> = {},
): EncodedDocument {
  const unique = [...new Map(entries.map((entry) => [entry.digest, entry])).values()];
  const hasNotes = Object.keys(annotations).length > 0;
  const isDocker =
    !hasNotes &&
    unique.every((entry) => entry.mediaType === MEDIA_TYPE.dockerManifest && entry.annotations === undefined);
  const mediaType = isDocker ? MEDIA_TYPE.dockerManifestList : MEDIA_TYPE.ociIndex;
  const notes = hasNotes ? { annotations } : {};
  return encodeJson({ schemaVersion: 2, mediaType, manifests: unique, ...notes }, mediaType);
}

/** Two images for one platform cannot both be had from an index. */
export function refuseTwins(entries: readonly IndexEntry[]): void {
  const seen = new Map<string, Digest>();
  for (const { platform, digest, annotations } of entries) {
    if (platform === undefined || platform.os === "unknown" || annotations?.["vnd.docker.reference.type"])
      continue;
    const name = JSON.stringify([formatPlatform(platform), platform["os.version"], platform["os.features"]]);
    const other = seen.get(name);
    if (other !== undefined && other !== digest) {
      throw new BuildError("cli/usage", `two of the images are for ${formatPlatform(platform)}`, {
        hint: `Leave one of them out: ${other}, ${digest}.`,
      });
    }
    seen.set(name, digest);
  }
}
