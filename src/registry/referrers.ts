import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, hexOf, parseDigest } from "../core/digest.ts";
import { encodeJson } from "../image/encode.ts";
import { parseIndex } from "../image/parse.ts";
import type { RegistryClient } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { asObject, asText, type Json, parseJsonObject } from "./json.ts";
import { MAX_MANIFEST_BYTES } from "./manifest-document.ts";
import { type PushDocument, putManifest } from "./push.ts";
import { nextPage } from "./tags.ts";

const MAX_PAGES = 100;
const LIST_REQUEST = {
  method: "GET",
  headers: { accept: MEDIA_TYPE.ociIndex },
  expect: [200, 400, 404, 405],
} as const;

/** Manifests that name another as their subject: signatures, attestations, bills of material (OCI distribution-spec, referrers). */
export async function listReferrers(
  client: RegistryClient,
  endpoint: Endpoint,
  subject: Digest,
  signal?: AbortSignal,
): Promise<readonly Descriptor[]> {
  // Registries without the list answer in many ways; the tag is where clients keep one for them.
  const pages = await readPages(client, endpoint, `manifests/${fallbackTag(subject)}`, signal);
  pages.push(...(await readPages(client, endpoint, `referrers/${subject}`, signal)));
  const found = pages.flatMap((json) => parseIndex(Buffer.from(JSON.stringify(json))).manifests);
  return [...new Map(found.map((entry) => [entry.digest, entry])).values()];
}

/**
 * Puts a manifest that has a subject. Where the registry keeps no list of referrers, the list under the tag that the
 * specification reserves for it gets an entry; two clients at once can lose one there, which no client can prevent.
 */
export async function putReferrer(
  client: RegistryClient,
  endpoint: Endpoint,
  referrer: PushDocument,
  signal?: AbortSignal,
): Promise<void> {
  const { digest, mediaType, size } = referrer.descriptor;
  const how = { name: digest, subject: digest, signal };
  if (await putManifest(client, endpoint, referrer, how)) return;
  const json = parseJsonObject(Buffer.from(referrer.bytes).toString("utf8")) ?? {};
  const subject = subjectOf(json);
  if (subject === undefined) return;
  const tag = fallbackTag(subject);
  const [before] = await readPages(client, endpoint, `manifests/${tag}`, signal);
  const listed = Array.isArray(before?.["manifests"]) ? before["manifests"] : [];
  if (listed.some((entry: unknown) => asObject(entry)?.["digest"] === digest)) return;
  const artifactType = asText(json["artifactType"]) ?? asText(asObject(json["config"])?.["mediaType"]);
  const annotations = asObject(json["annotations"]);
  const entry = { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) };
  const manifests = [...listed, annotations === undefined ? entry : { ...entry, annotations }];
  const index = encodeJson(
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests },
    MEDIA_TYPE.ociIndex,
  );
  await putManifest(client, endpoint, index, { name: tag, subject: tag, signal });
}

/** The manifest that another one is about. */
export function subjectOf(manifest: Json): Digest | undefined {
  return parseDigest(asText(asObject(manifest["subject"])?.["digest"]) ?? "");
}

/** OCI distribution-spec, referrers tag schema. */
function fallbackTag(subject: Digest): string {
  return `sha256-${hexOf(subject)}`;
}

/** None where there is no list, and where something else is said to be one. */
async function readPages(
  client: RegistryClient,
  endpoint: Endpoint,
  first: string,
  signal: AbortSignal | undefined,
): Promise<Json[]> {
  const pages: Json[] = [];
  let path: string | URL | undefined = first;
  while (path !== undefined && pages.length < MAX_PAGES) {
    const request = { ...LIST_REQUEST, path, subject: first, signal };
    const { response, body } = await client.sendForBody(endpoint, request, MAX_MANIFEST_BYTES);
    const json = response.status === 200 ? parseJsonObject(body.toString("utf8")) : undefined;
    if (!Array.isArray(json?.["manifests"])) return pages;
    pages.push(json);
    path = nextPage(response.header("link"), response.url);
  }
  return pages;
}
