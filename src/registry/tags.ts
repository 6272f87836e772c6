import { BuildError } from "../core/errors.ts";
import { familiarRepository, type Reference } from "../core/reference.ts";
import type { RegistryClient } from "./client.ts";
import { asTexts, parseJsonObject } from "./json.ts";

const PAGE = 1000;
/** A registry that never comes to an end is not followed for ever. */
const MAX_PAGES = 1000;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** All tags of a repository, page by page, in the registry's order (OCI distribution-spec, listing tags). */
export async function listTags(
  client: RegistryClient,
  reference: Reference,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const endpoint = client.pushEndpoint(reference);
  const subject = familiarRepository(reference);
  const tags: string[] = [];
  let path: string | URL | undefined = `tags/list?n=${PAGE}`;
  for (let page = 0; path !== undefined; page++) {
    if (page === MAX_PAGES)
      throw new BuildError("registry/bad-response", `${endpoint.host} lists tags of ${subject} without end`);
    const request = { method: "GET", path, expect: [200], subject, signal } as const;
    const { response, body } = await client.sendForBody(endpoint, request, MAX_PAGE_BYTES);
    tags.push(...asTexts(parseJsonObject(body.toString("utf8"))?.["tags"]));
    path = nextPage(response.header("link"), response.url);
  }
  return tags;
}

/** `</v2/…?n=…&last=…>; rel="next"`. Only the path of it: the next page is on the same registry. */
export function nextPage(link: string | undefined, current: URL): URL | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "")?.[1];
  const url = target === undefined ? null : URL.parse(target, current.href);
  return url === null || url.href === current.href
    ? undefined
    : new URL(url.pathname + url.search, current.origin);
}
