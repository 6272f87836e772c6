import type { Digest } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import { formatPlatform } from "../core/platform.ts";
import { parseReference, type Reference } from "../core/reference.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { FetchedDocument } from "../registry/fetch-document.ts";
import { type CopyHow, requireTarget } from "./copy-image.ts";
import { encodeIndex, entriesOf, type IndexEntry, refuseTwins } from "./index-document.ts";
import { openClient } from "./pull-image.ts";

export interface CombineOptions {
  readonly sources: readonly string[];
  readonly tags: readonly string[];
  /** Add to what the tags stand for. */
  readonly append: boolean;
  /** `[index:|manifest-descriptor[PLATFORM]:]KEY=VALUE`. */
  readonly annotations: readonly string[];
  /** Make the document and send nothing. */
  readonly dryRun: boolean;
}

export interface CombinedImage {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly targets: readonly Reference[];
}

/**
 * One index over the images of several names, their blobs brought into each target's repository. A single source without
 * anything to add goes as it is.
 */
export async function combineImages(options: CombineOptions, how: CopyHow): Promise<CombinedImage> {
  const targets = options.tags.map(requireTarget);
  const notes = options.annotations.map(parseAnnotation);
  const { env, emit, authFile, signal } = how;
  await using client = await openClient({ shop: { env }, emit, authFile });
  const sources = [
    ...(options.append ? await fetchExisting(client, targets, signal) : []),
    ...(await fetchAll(client, options.sources.map(parseReference), signal)),
  ];
  const [only] = sources;
  const asItIs = sources.length === 1 && notes.length === 0 && only !== undefined;
  const { descriptor, bytes } = asItIs ? only.document : await combine(client, sources, { notes, signal });
  if (!options.dryRun) await send(client, { sources, descriptor, bytes, targets, how });
  return { digest: descriptor.digest, bytes, targets };
}

async function combine(
  client: RegistryClient,
  sources: readonly FetchedDocument[],
  { notes, signal }: { readonly notes: readonly Annotation[]; readonly signal: AbortSignal },
) {
  const entries: IndexEntry[] = [];
  for (const source of sources) entries.push(...(await entriesOf(client, source, signal)));
  refuseTwins(entries);
  const onIndex = notes.filter(({ on }) => on === "index").map(({ key, value }) => [key, value] as const);
  return encodeIndex(
    entries.map((entry) => annotate(entry, notes)),
    Object.fromEntries(onIndex),
  );
}

async function send(
  client: RegistryClient,
  sent: {
    readonly sources: readonly FetchedDocument[];
    readonly descriptor: Parameters<typeof encodeDescriptor>[0];
    readonly bytes: Buffer;
    readonly targets: readonly Reference[];
    readonly how: CopyHow;
  },
): Promise<void> {
  const { blobsOf, collectTree, toPush } = await import("../registry/copy-image.ts");
  const { pushImage } = await import("../registry/push.ts");
  const { sources, targets, how } = sent;
  const trees: FetchedDocument[] = [];
  for (const source of sources) trees.push(...(await collectTree(client, source, how.signal)));
  const parts = trees.filter(({ document }) => document.descriptor.digest !== sent.descriptor.digest);
  for (const target of targets) {
    const blobs = trees.flatMap((one) => blobsOf(client, one, target));
    const documents = [
      ...parts.map(toPush),
      { descriptor: encodeDescriptor(sent.descriptor), bytes: sent.bytes },
    ];
    await pushImage(client, target, { blobs, documents }, { emit: how.emit, signal: how.signal });
  }
}

function encodeDescriptor({
  mediaType,
  digest,
  size,
}: IndexEntry | FetchedDocument["document"]["descriptor"]) {
  return { mediaType, digest, size };
}

async function fetchAll(
  client: RegistryClient,
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<readonly FetchedDocument[]> {
  const { fetchDocument } = await import("../registry/fetch-document.ts");
  const found: FetchedDocument[] = [];
  for (const name of names) found.push(await fetchDocument(client, name, { signal }));
  return found;
}

/** A tag that is not there yet has nothing to be kept. */
async function fetchExisting(
  client: RegistryClient,
  targets: readonly Reference[],
  signal: AbortSignal,
): Promise<readonly FetchedDocument[]> {
  const found: FetchedDocument[] = [];
  for (const target of targets) {
    try {
      found.push(...(await fetchAll(client, [target], signal)));
    } catch (error) {
      if (!isBuildError(error) || error.code !== "registry/not-found") throw error;
    }
  }
  return found;
}

interface Annotation {
  readonly on: "index" | "manifest-descriptor";
  /** `linux/amd64`; undefined: all of them. */
  readonly platform: string | undefined;
  readonly key: string;
  readonly value: string;
}

function parseAnnotation(text: string): Annotation {
  const [, on = "index", platform, key = "", value] =
    /^(?:([a-z-]+)(?:\[([^\]]+)\])?:)?([^=:[\]]+)=(.*)$/s.exec(text) ?? [];
  if (value === undefined || (on !== "index" && on !== "manifest-descriptor")) {
    throw new BuildError("cli/usage", `--annotation "${text}" cannot be set on an index`, {
      hint: "It reads [index:]KEY=VALUE or manifest-descriptor[linux/amd64]:KEY=VALUE; manifests themselves stay as they are.",
    });
  }
  return { on, platform, key, value };
}

function annotate(entry: IndexEntry, notes: readonly Annotation[]): IndexEntry {
  const own = entry.platform === undefined ? "" : formatPlatform(entry.platform);
  const fitting = notes.filter(
    ({ on, platform }) => on === "manifest-descriptor" && (platform === undefined || platform === own),
  );
  if (fitting.length === 0) return entry;
  const added = Object.fromEntries(fitting.map(({ key, value }) => [key, value]));
  return { ...entry, annotations: { ...entry.annotations, ...added } };
}
