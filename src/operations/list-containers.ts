import { commandText } from "../containers/command-of.ts";
import { findContainer } from "../containers/find-container.ts";
import { BuildError } from "../core/errors.ts";
import { formatFamiliar, parseReference } from "../core/reference.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import { findImage } from "./find-image.ts";
import { parseFilter } from "./list-images.ts";
import type { Workshop } from "./workshop.ts";

/** One line of `ps`. */
export interface ContainerRow extends StoredContainer {
  /** The image's name as it was written; its id where that name means something else by now. */
  readonly image: string;
  readonly command: string;
}

export interface ListContainersOptions {
  /** Also those that do not run. */
  readonly all: boolean;
  /** The latest so many, whether they run or not. */
  readonly last?: number | undefined;
  readonly filters: readonly string[];
}

type Test = (stored: StoredContainer) => boolean;

/** The latest first. Filters of one name are alternatives, of several names all hold; labels all hold. */
export function listContainers(options: ListContainersOptions, shop: Workshop): readonly ContainerRow[] {
  const parsed = options.filters.map(parseFilter);
  const groups = [...Map.groupBy(parsed, ({ name }) => name)];
  const tests = groups.map(([name, values]): Test => {
    const each = values.map(({ value }) => testOf(name, value, shop));
    return name.startsWith("label")
      ? (stored) => each.every((test) => test(stored))
      : (stored) => each.some((test) => test(stored));
  });
  // As Docker: asking for a status, or for the last ones, asks for those that do not run too.
  const all =
    options.all ||
    options.last !== undefined ||
    parsed.some(({ name }) => name === "status" || name === "exited");
  const found = shop.store.containers
    .list()
    .filter(({ state }) => all || state.status === "running")
    .filter((stored) => tests.every((test) => test(stored)));
  return (options.last === undefined ? found : found.slice(0, options.last)).map((stored) => ({
    ...stored,
    image: imageText(stored, shop),
    command: commandText(stored.container.config),
  }));
}

/** As it was written, as long as that still names this image. */
function imageText({ container: { image } }: StoredContainer, shop: Workshop): string {
  if (shop.store.images.resolve(image.reference)?.id !== image.id) return image.id;
  const isId = /^(sha256:)?[0-9a-f]+$/.test(image.reference) && image.id.includes(image.reference);
  if (isId) return image.reference;
  const reference = parseReference(image.reference);
  return reference.tag === undefined && reference.digest === undefined
    ? image.reference
    : formatFamiliar(reference);
}

const STATUSES = ["created", "running", "exited", "paused", "restarting", "removing", "dead"];

function testOf(name: string, value: string, shop: Workshop): Test {
  switch (name) {
    case "id":
      return ({ container }) => container.id.startsWith(value);
    case "name": {
      const pattern = toPattern(value);
      return ({ container }) => pattern.test(container.name) || pattern.test(`/${container.name}`);
    }
    case "label":
      return (stored) => hasContainerLabel(stored, value);
    case "exited": {
      if (!/^\d+$/.test(value)) throw badFilter(name, value, "It is an exit code.");
      return ({ state }) => state.status === "exited" && state.exitCode === Number(value);
    }
    case "status":
      if (!STATUSES.includes(value)) throw badFilter(name, value, `It is one of ${STATUSES.join(", ")}.`);
      return ({ state }) => state.status === value;
    case "ancestor":
      return isDescendantOf(value, shop);
    case "before": {
      const { created } = findContainer(value, shop.store).container;
      return ({ container }) => container.created < created;
    }
    case "since": {
      const { created } = findContainer(value, shop.store).container;
      return ({ container }) => container.created > created;
    }
    case "network":
      return ({ container }) => container.network === value;
    default:
      throw new BuildError("cli/usage", `there is no filter "${name}"`, {
        hint: "There are id, name, label, exited, status, ancestor, before, since and network.",
      });
  }
}

/** `key`, or `key=value`. */
export function hasContainerLabel({ container }: StoredContainer, label: string): boolean {
  const labels = container.config.Labels ?? {};
  const equals = label.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, label);
  return labels[label.slice(0, equals)] === label.slice(equals + 1);
}

/** Made of this very image. Docker also finds those of images built on it, which it knows by their parents. */
function isDescendantOf(text: string, shop: Workshop): Test {
  if (shop.store.images.resolve(text) === undefined) return () => false;
  const { id } = findImage(text, shop);
  return ({ container }) => container.image.id === id;
}

function toPattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw badFilter("name", value, "It is a regular expression.");
  }
}

function badFilter(name: string, value: string, hint: string): BuildError {
  return new BuildError("cli/usage", `--filter=${name}=${value} is no filter`, { hint });
}
