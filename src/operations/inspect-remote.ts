import type { Digest } from "../core/digest.ts";
import { formatPlatform } from "../core/platform.ts";
import { formatFull, parseReference, withDefaultTag } from "../core/reference.ts";
import type { FetchedDocument } from "../registry/fetch-document.ts";
import { entriesOf, type IndexEntry, rawEntries } from "./index-document.ts";
import { openClient } from "./pull-image.ts";
import type { AskHow } from "./registry-tags.ts";

/** A manifest or index as it is in a registry. */
export interface RemoteManifest {
  /** Full, with tag or digest. */
  readonly name: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** Byte for byte. */
  readonly bytes: Buffer;
  /** Of an index. */
  readonly entries: readonly RemoteEntry[];
}

export interface RemoteEntry {
  readonly name: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly platform: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One image of an index, or the image itself, as `manifest inspect -v` shows it. */
export interface VerboseManifest {
  readonly name: string;
  readonly descriptor: IndexEntry;
  readonly bytes: Buffer;
  /** The manifest's own kind of field: `SchemaV2Manifest`, `OCIManifest`, `OCIIndex`. */
  readonly manifest: unknown;
}

export async function inspectRemote(text: string, how: AskHow): Promise<RemoteManifest> {
  const { fetched } = await fetchFor(text, how);
  const reference = withDefaultTag(parseReference(text));
  const { document } = fetched;
  const repository = formatFull({ ...reference, tag: undefined, digest: undefined });
  const entries = document.kind === "index" ? rawEntries(document.bytes) : [];
  return {
    name: formatFull(reference),
    mediaType: document.descriptor.mediaType,
    digest: document.descriptor.digest,
    size: document.bytes.length,
    bytes: document.bytes,
    entries: entries.map((entry) => ({
      name: `${repository}@${entry.digest}`,
      mediaType: entry.mediaType,
      digest: entry.digest,
      platform: entry.platform === undefined ? undefined : formatPlatform(entry.platform),
      annotations: entry.annotations ?? {},
    })),
  };
}

/** Every manifest below a name, with its descriptor. */
export async function inspectRemoteVerbosely(
  text: string,
  how: AskHow,
): Promise<{ readonly isIndex: boolean; readonly manifests: readonly VerboseManifest[] }> {
  const { fetchChild } = await import("../registry/fetch-document.ts");
  await using client = await openClient({ shop: how, emit: () => undefined, authFile: how.authFile });
  const { fetched } = await fetchFor(text, how);
  const entries = await entriesOf(client, fetched, how.signal);
  const isIndex = fetched.document.kind === "index";
  const reference = withDefaultTag(parseReference(text));
  const manifests: VerboseManifest[] = [];
  for (const entry of entries) {
    const child = isIndex ? await fetchChild(client, fetched, entry, { signal: how.signal }) : fetched;
    const name = isIndex ? `${formatFull(reference)}@${entry.digest}` : formatFull(reference);
    const { bytes } = child.document;
    manifests.push({ name, descriptor: entry, bytes, manifest: JSON.parse(bytes.toString("utf8")) });
  }
  return { isIndex, manifests };
}

async function fetchFor(
  text: string,
  { env, signal, authFile }: AskHow,
): Promise<{ readonly fetched: FetchedDocument }> {
  const { fetchDocument } = await import("../registry/fetch-document.ts");
  await using client = await openClient({ shop: { env }, emit: () => undefined, authFile });
  return { fetched: await fetchDocument(client, parseReference(text), { signal }) };
}
