import { BuildError } from "../core/errors.ts";
import { familiarRepository, type Reference } from "../core/reference.ts";
import { openClient } from "./pull-image.ts";

export interface AskHow {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** --authfile. */
  readonly authFile?: string | undefined;
}

/** Every tag that a repository has in its registry, as references, sorted: not every registry sorts them, as it should. */
export async function registryTags(
  repository: Reference,
  { env, signal, authFile }: AskHow,
): Promise<readonly Reference[]> {
  if (repository.tag !== undefined || repository.digest !== undefined) {
    throw new BuildError("cli/usage", "a tag is named, and all tags were asked for", {
      hint: `Leave it out: ${familiarRepository(repository)}`,
    });
  }
  const { listTags } = await import("../registry/tags.ts");
  await using client = await openClient({ shop: { env }, emit: () => undefined, authFile });
  const tags = await listTags(client, repository, signal);
  if (tags.length === 0) {
    throw new BuildError("registry/not-found", `${familiarRepository(repository)} has no tags`, {
      hint: "Check the name.",
    });
  }
  return tags.toSorted((a, b) => (a < b ? -1 : 1)).map((tag) => ({ ...repository, tag }));
}
