import { BuildError } from "../core/errors.ts";
import type { RegistryClient } from "./client.ts";
import { asObject, asText, asTexts, parseJsonObject } from "./json.ts";
import { nextPage } from "./tags.ts";

/** A repository that a registry found. What it does not tell is undefined. */
export interface FoundRepository {
  /** Without the registry's name. */
  readonly name: string;
  readonly description: string | undefined;
  readonly stars: number | undefined;
  readonly isOfficial: boolean;
}

const DOCKER_IO = "docker.io";
const DOCKER_SEARCH = "https://index.docker.io/v1/search";
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_PAGES = 100;

/**
 * Docker Hub by its own search; another registry by the catalog of its repositories, where it shows one to us. `limit` is the
 * most that comes back.
 */
export async function searchRegistry(
  client: RegistryClient,
  authHost: string,
  { term, limit, signal }: { readonly term: string; readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly FoundRepository[]> {
  return authHost === DOCKER_IO
    ? await searchHub(client, { term, limit, signal })
    : await searchCatalog(client, authHost, { term, limit, signal });
}

async function searchHub(
  client: RegistryClient,
  { term, limit, signal }: { readonly term: string; readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly FoundRepository[]> {
  const url = new URL(DOCKER_SEARCH);
  url.searchParams.set("q", term);
  url.searchParams.set("n", String(limit));
  const response = await client.sendAnonymously({ method: "GET", url, signal });
  if (response.status !== 200) {
    await response.discard();
    throw unsupported(DOCKER_IO, response.status);
  }
  const { readWhole } = await import("./read-whole.ts");
  const json = parseJsonObject((await readWhole(response, MAX_BYTES)).toString("utf8"));
  const results: readonly unknown[] = Array.isArray(json?.["results"]) ? json["results"] : [];
  return results.slice(0, limit).flatMap((item) => {
    const row = asObject(item);
    const name = asText(row?.["name"]);
    const stars = row?.["star_count"];
    if (row === undefined || name === undefined) return [];
    return [
      {
        name,
        description: asText(row["description"]),
        stars: typeof stars === "number" ? stars : undefined,
        isOfficial: row["is_official"] === true,
      },
    ];
  });
}

/** OCI distribution has no search; most registries list their repositories (Docker Registry HTTP API V2, catalog). */
async function searchCatalog(
  client: RegistryClient,
  authHost: string,
  { term, limit, signal }: { readonly term: string; readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly FoundRepository[]> {
  const endpoint = client.hostEndpoint(authHost);
  const found: FoundRepository[] = [];
  let path: string | URL | undefined = "_catalog?n=1000";
  for (let page = 0; path !== undefined && page < MAX_PAGES && found.length < limit; page++) {
    const { response, body } = await client.sendForBody(
      endpoint,
      {
        method: "GET",
        path,
        expect: [200, 401, 403, 404, 405],
        subject: "the list of repositories",
        access: "catalog",
        signal,
      },
      MAX_BYTES,
    );
    if (response.status !== 200) throw unsupported(authHost, response.status);
    const names = asTexts(parseJsonObject(body.toString("utf8"))?.["repositories"]);
    for (const name of names.filter((text) => text.includes(term.toLowerCase())))
      found.push({ name, description: undefined, stars: undefined, isOfficial: false });
    path = nextPage(response.header("link"), response.url);
  }
  return found.slice(0, limit);
}

function unsupported(authHost: string, status: number): BuildError {
  return new BuildError("registry/no-search", `${authHost} offers no search to us (status ${status})`, {
    hint: "If the repository is known: tsbuild tags ls NAME. If the registry shows its list to known users: tsbuild login.",
  });
}
