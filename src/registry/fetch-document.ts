import type { Descriptor } from "../core/descriptor.ts";
import { formatFamiliar, type Reference, withDefaultTag } from "../core/reference.ts";
import type { RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { foreignUrls, type ManifestDocument } from "./manifest-document.ts";
import { atFirstEndpoint, type BlobSource, fetchManifest, type PullOptions } from "./pull.ts";

/** A manifest or an index as it is in a registry, whatever it is of. */
export interface FetchedDocument {
  readonly reference: Reference;
  readonly document: ManifestDocument;
  /** Where it came from, and its parts can be had. */
  readonly source: BlobSource;
}

/** What a name stands for, no platform chosen. `registry/not-found` where there is no such thing. */
export async function fetchDocument(
  client: RegistryClient,
  name: Reference,
  options: PullOptions = {},
): Promise<FetchedDocument> {
  const reference = withDefaultTag(name);
  const { digest, tag = "latest" } = reference;
  const wanted = { subject: formatFamiliar(reference), name: digest ?? tag, digest };
  return atFirstEndpoint(client, reference, options.signal, async (endpoints) => {
    const document = await fetchManifest(client, requireFirst(endpoints), wanted, options);
    return { reference, document, source: { endpoints, foreignUrls: foreignUrls(document.bytes) } };
  });
}

/** What an index lists, from where the index came. */
export async function fetchChild(
  client: RegistryClient,
  parent: FetchedDocument,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  options: PullOptions = {},
): Promise<FetchedDocument> {
  const { source, reference } = parent;
  const subject = `${formatFamiliar(reference)} (${digest})`;
  const endpoint = requireFirst(source.endpoints);
  const document = await fetchManifest(client, endpoint, { subject, name: digest, digest, size }, options);
  return {
    reference,
    document,
    source: { endpoints: source.endpoints, foreignUrls: foreignUrls(document.bytes) },
  };
}

function requireFirst(endpoints: readonly Endpoint[]): Endpoint {
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new Error("no endpoint");
  return endpoint;
}
