import { type BuildError, isBuildError } from "../core/errors.ts";
import { familiarRepository, formatFamiliar, parseReference } from "../core/reference.ts";
import type { Workshop } from "./workshop.ts";

/** What became of one name or id that was asked for. */
export type Removal =
  | {
      /** As people write them: names, and `repository@digest`. */
      readonly untagged: readonly string[];
      /** Digests: the image, then layers that nothing needs any more. */
      readonly deleted: readonly string[];
    }
  | { readonly error: BuildError };

/** Removes one after the other; what cannot be removed keeps none of the others. */
export function* removeImages(texts: readonly string[], force: boolean, shop: Workshop): Generator<Removal> {
  for (const text of texts) {
    try {
      const { untagged, deleted } = shop.store.removeImage(text, { force });
      yield { untagged: untagged.map(familiarName), deleted };
    } catch (error) {
      if (!isBuildError(error)) throw error;
      yield { error };
    }
  }
}

/** Of a full name with a tag, or a repository with a digest. */
export function familiarName(text: string): string {
  const at = text.indexOf("@");
  if (at < 0) return formatFamiliar(parseReference(text));
  return `${familiarRepository(parseReference(text.slice(0, at)))}${text.slice(at)}`;
}
