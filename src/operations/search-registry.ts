import { BuildError } from "../core/errors.ts";
import type { FoundRepository } from "../registry/search.ts";
import { registryOf } from "./login.ts";
import { openClient } from "./pull-image.ts";
import type { AskHow } from "./registry-tags.ts";

export type { FoundRepository } from "../registry/search.ts";

/** `TERM` on Docker Hub, `HOST/TERM` in another registry. Names come back as they are pulled. */
export async function searchRegistry(
  text: string,
  { env, signal, authFile, limit }: AskHow & { readonly limit: number },
): Promise<readonly FoundRepository[]> {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  // As in image names: a host has a dot or a port, or is localhost.
  const isHost = /[.:]/.test(first) || first === "localhost";
  const registry = registryOf(isHost ? first : undefined);
  const term = isHost ? text.slice(slash + 1) : text;
  if (term === "" && !isHost)
    throw new BuildError("cli/usage", "search needs a term", { hint: "Write: tsbuild search debian" });
  const { searchRegistry: search } = await import("../registry/search.ts");
  await using client = await openClient({ shop: { env }, emit: () => undefined, authFile });
  const found = await search(client, registry, { term, limit, signal });
  return isHost ? found.map((row) => ({ ...row, name: `${first}/${row.name}` })) : found;
}
