import type { Descriptor } from "../core/descriptor.ts";
import { type Digest, hexOf } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { Platform } from "../core/platform.ts";
import { formatFamiliar, type Reference, withDefaultTag } from "../core/reference.ts";
import type { RegistryClient } from "./client.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { type FetchedDocument, fetchChild, fetchDocument } from "./fetch-document.ts";
import { choosePlatform } from "./pull.ts";
import { type PushDocument, pushImage, putManifest, uploadBlobs } from "./push.ts";
import { listReferrers, putReferrer } from "./referrers.ts";
import type { TransferListener } from "./transfer-events.ts";
import type { PushBlob } from "./upload-blob.ts";

export interface CopyOptions extends TransferListener {
  readonly signal?: AbortSignal | undefined;
  /** Only the image for this platform; everything an index lists where it is not given. */
  readonly platform?: Platform | undefined;
}

export interface CopiedImage {
  readonly digest: Digest;
  /** How many manifests went along because they are about what was copied. */
  readonly referrers: number;
}

/** An index in an index in an index; and signatures of attestations of images. */
const MAX_DEPTH = 3;
/** Names under which cosign keeps what is about an image, in registries without a list of referrers. */
const COSIGN_ENDINGS = ["sig", "att", "sbom"];

/**
 * From registry to registry, byte for byte: nothing is unpacked, blobs that are there are not sent, those of a neighbouring
 * repository are mounted. What names the image as its subject comes along. The tag is set last.
 */
export async function copyImage(
  client: RegistryClient,
  from: Reference,
  to: Reference,
  options: CopyOptions = {},
): Promise<CopiedImage> {
  const { signal, platform } = options;
  const top = await narrow(client, await fetchDocument(client, from, { signal }), platform, signal);
  const tree = await collectTree(client, top, signal);
  const referrers = await copyReferrersLater(client, tree, signal);
  await pushImage(
    client,
    to,
    { blobs: tree.flatMap((one) => blobsOf(client, one, to)), documents: tree.map(toPush) },
    options,
  );
  await referrers.push(to, options);
  return { digest: top.document.descriptor.digest, referrers: referrers.count };
}

/** A document with all that it lists, itself last. */
export async function collectTree(
  client: RegistryClient,
  top: FetchedDocument,
  signal: AbortSignal | undefined,
  depth = 0,
): Promise<readonly FetchedDocument[]> {
  if (top.document.kind === "manifest") return [top];
  if (depth === MAX_DEPTH)
    throw new BuildError(
      "registry/bad-response",
      `${formatFamiliar(top.reference)}: lists of lists of images`,
    );
  const trees: FetchedDocument[] = [];
  for (const entry of top.document.index.manifests) {
    const child = await fetchChild(client, top, entry, { signal });
    trees.push(...(await collectTree(client, child, signal, depth + 1)));
  }
  return [...trees, top];
}

/** Config and layers of a manifest, to be read from where it came while they are sent. */
export function blobsOf(client: RegistryClient, from: FetchedDocument, to: Reference): readonly PushBlob[] {
  const { document, source, reference } = from;
  if (document.kind === "index") return [];
  const mountFrom = reference.domain === to.domain ? [reference.path] : [];
  // Docker's foreign layers stay where their addresses say: registries take manifests without them.
  const own = [document.manifest.config, ...document.manifest.layers].filter(
    ({ digest }) => !source.foreignUrls.has(digest),
  );
  return own.map((descriptor: Descriptor) => ({
    descriptor,
    open: (startAt) => fetchBlob(client, source, descriptor, { startAt }),
    mountFrom,
  }));
}

export function toPush({ document: { descriptor, bytes } }: FetchedDocument): PushDocument {
  return { descriptor, bytes };
}

async function narrow(
  client: RegistryClient,
  top: FetchedDocument,
  platform: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<FetchedDocument> {
  if (platform === undefined) return top;
  let chosen = top;
  for (let depth = 0; chosen.document.kind === "index"; depth++) {
    if (depth === MAX_DEPTH) throw new BuildError("registry/bad-response", "lists of lists of images");
    const entry = choosePlatform(chosen.document.index, platform, formatFamiliar(top.reference));
    chosen = await fetchChild(client, chosen, entry, { signal });
  }
  return chosen;
}

interface Followers {
  readonly count: number;
  push(to: Reference, options: CopyOptions): Promise<void>;
}

/** Found before anything is sent: a source that fails halfway fails before the target is touched. */
async function copyReferrersLater(
  client: RegistryClient,
  tree: readonly FetchedDocument[],
  signal: AbortSignal | undefined,
): Promise<Followers> {
  const seen = new Set(tree.map(({ document }) => document.descriptor.digest));
  const about: FetchedDocument[] = [];
  const tagged: FetchedDocument[] = [];
  let layer = tree;
  for (let depth = 0; depth < MAX_DEPTH && layer.length > 0; depth++) {
    const found: FetchedDocument[] = [];
    for (const one of layer) {
      const { digest } = one.document.descriptor;
      const [endpoint] = one.source.endpoints;
      const listed = endpoint === undefined ? [] : await listReferrers(client, endpoint, digest, signal);
      for (const entry of listed.filter((item) => !seen.has(item.digest))) {
        seen.add(entry.digest);
        found.push(...(await collectTree(client, await fetchChild(client, one, entry, { signal }), signal)));
      }
      tagged.push(...(await cosignTags(client, one, signal)));
    }
    about.push(...found);
    layer = found;
  }
  return {
    count: about.length + tagged.length,
    push: async (to, options) => {
      const endpoint = client.pushEndpoint(to);
      await uploadBlobs(
        client,
        endpoint,
        [...about, ...tagged].flatMap((one) => blobsOf(client, one, to)),
        options,
      );
      for (const one of about) await putReferrer(client, endpoint, toPush(one), signal);
      for (const one of tagged) {
        const name = one.reference.tag ?? "latest";
        await putManifest(client, endpoint, toPush(one), { name, subject: name, signal });
      }
    },
  };
}

async function cosignTags(
  client: RegistryClient,
  { document, reference }: FetchedDocument,
  signal: AbortSignal | undefined,
): Promise<readonly FetchedDocument[]> {
  const found: FetchedDocument[] = [];
  for (const ending of COSIGN_ENDINGS) {
    const tag = `sha256-${hexOf(document.descriptor.digest)}.${ending}`;
    const name = withDefaultTag({ domain: reference.domain, path: reference.path, tag });
    try {
      found.push(await fetchDocument(client, name, { signal }));
    } catch (error) {
      if (!isBuildError(error) || error.code !== "registry/not-found") throw error;
    }
  }
  return found;
}
