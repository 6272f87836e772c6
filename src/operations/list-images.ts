import { BuildError } from "../core/errors.ts";
import { hasGoWildcard, matchGoPattern } from "../core/pattern/go-match.ts";
import { familiarRepository, formatFamiliar, formatRepository, parseReference } from "../core/reference.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { findImage } from "./find-image.ts";
import { singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** One line of `image ls`: a name, or an image that has none. */
export interface ImageRow {
  readonly image: StoredImage;
  /** As people write it; null: none. */
  readonly repository: string | null;
  readonly tag: string | null;
  /** Of the manifest that this repository is known to have. */
  readonly digest: string | null;
}

export interface ImageFilters {
  /** `name=value`, as Docker's --filter: dangling, reference, label, before, since. */
  readonly filters: readonly string[];
  /** As `image ls hello`. */
  readonly reference?: string | undefined;
}

type Test = (row: ImageRow) => boolean;

/** The latest first. Filters of one name are alternatives, of several names all hold; labels all hold. */
export function listImages({ filters, reference }: ImageFilters, shop: Workshop): readonly ImageRow[] {
  const written = reference === undefined ? filters : [...filters, `reference=${reference}`];
  const parsed = written.map(parseFilter);
  const groups = [...Map.groupBy(parsed, ({ name }) => name)];
  const tests = groups.map(([name, values]): Test => {
    const each = values.map(({ value }) => testOf(name, value, shop));
    return name === "label"
      ? (row) => each.every((test) => test(row))
      : (row) => each.some((test) => test(row));
  });
  return shop.store.images
    .list()
    .flatMap(rowsOf)
    .filter((row) => tests.every((test) => test(row)));
}

function rowsOf(image: StoredImage): readonly ImageRow[] {
  const digests = new Map(
    image.repoDigests.map((text) => [text.slice(0, text.indexOf("@")), text.slice(text.indexOf("@") + 1)]),
  );
  const named = image.names.map((name): ImageRow => {
    const reference = parseReference(name);
    const digest = digests.get(name.slice(0, name.lastIndexOf(":"))) ?? null;
    return { image, repository: familiarRepository(reference), tag: reference.tag ?? null, digest };
  });
  if (named.length > 0) return named;
  const pulled = [...digests].map(([repository, digest]): ImageRow => {
    return { image, repository: familiarRepository(parseReference(repository)), tag: null, digest };
  });
  return pulled.length > 0 ? pulled : [{ image, repository: null, tag: null, digest: null }];
}

export function parseFilter(text: string): { readonly name: string; readonly value: string } {
  const equals = text.indexOf("=");
  if (equals > 0) return { name: text.slice(0, equals).trim().toLowerCase(), value: text.slice(equals + 1) };
  throw new BuildError("cli/usage", `--filter=${text} is no filter`, {
    hint: "Write it as name=value, such as dangling=true.",
  });
}

function testOf(name: string, value: string, shop: Workshop): Test {
  switch (name) {
    case "dangling": {
      const isWanted = parseTruth(name, value);
      return ({ image }) => (image.names.length === 0) === isWanted;
    }
    case "reference":
      return (row) => row.repository !== null && matchesReference(value, row);
    case "label":
      return ({ image }) => hasLabel(image, value, shop);
    case "before": {
      const limit = findImage(value, shop).created ?? "";
      return ({ image }) => (image.created ?? "") < limit;
    }
    case "since": {
      const limit = findImage(value, shop).created ?? "";
      return ({ image }) => (image.created ?? "") > limit;
    }
    default:
      throw new BuildError("cli/usage", `there is no filter "${name}"`, {
        hint: "There are dangling, reference, label, before and since.",
      });
  }
}

export function parseTruth(name: string, value: string): boolean {
  if (["1", "true", "True", "TRUE", "t"].includes(value)) return true;
  if (["0", "false", "False", "FALSE", "f"].includes(value)) return false;
  throw new BuildError("cli/usage", `--filter=${name} is true or false, not "${value}"`);
}

/** Docker matches the pattern with the repository, and with repository:tag. */
function matchesReference(pattern: string, { repository, tag }: ImageRow): boolean {
  const name = repository ?? "";
  const candidates = tag === null ? [name] : [name, `${name}:${tag}`];
  const isLiteral = !hasGoWildcard(pattern);
  const wanted = isLiteral ? familiarForm(pattern) : pattern;
  return candidates.some((candidate) =>
    isLiteral ? candidate === wanted : matchGoPattern(wanted, candidate),
  );
}

function familiarForm(text: string): string {
  try {
    return formatFamiliar(parseReference(text));
  } catch {
    return text;
  }
}

/** `key`, or `key=value`. */
export function hasLabel(image: StoredImage, label: string, shop: Workshop): boolean {
  const labels = readImageConfig(singleImage(image, undefined, shop).id, shop.store).config.Labels ?? {};
  const equals = label.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, label);
  return labels[label.slice(0, equals)] === label.slice(equals + 1);
}

/** Full names with every tag of a repository; `image/not-found` where it has none. */
export function namesOfRepository(text: string, shop: Workshop): readonly string[] {
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new BuildError("cli/usage", `${text} has a tag, and all tags were asked for`, {
      hint: "Leave the tag out.",
    });
  }
  const prefix = `${formatRepository(reference)}:`;
  const names = shop.store.images
    .list()
    .flatMap((image) => image.names.filter((name) => name.startsWith(prefix)));
  if (names.length > 0) return names.toSorted();
  throw new BuildError("image/not-found", `there is no image of ${formatFamiliar(reference)} in the store`, {
    hint: "See tsbuild images.",
  });
}
