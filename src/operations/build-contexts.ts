import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openContext } from "../context/context-tree.ts";
import { type IgnoreRules, readIgnoreRules } from "../context/ignore-file.ts";
import { BuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import { parseReference } from "../core/reference.ts";
import { errnoOf } from "../host/errno.ts";
import { contextKey } from "../plan/stages.ts";
import type { NamedContext } from "../plan/types.ts";
import { isRemoteContext } from "./remote-context.ts";
import type { Workshop } from "./workshop.ts";

/** A name that a Dockerfile may use for files or an image which it does not know itself. */
export interface BuildContext {
  /** As FROM and --from are compared with: see contextKey. */
  readonly name: string;
  readonly source:
    | { readonly type: "folder"; readonly path: string }
    | Exclude<NamedContext, { type: "folder" }>;
}

export const OCI_LAYOUT = "oci-layout://";
const DOCKER_IMAGE = "docker-image://";
const TARGET = "target:";
/** `NAME=PLACE` of --build-context. Throws `cli/usage`, `cli/not-supported`, `context/not-found`. */
export function parseBuildContext(text: string): BuildContext {
  const equals = text.indexOf("=");
  const written = equals < 0 ? "" : text.slice(0, equals);
  const place = text.slice(equals + 1);
  const name = contextKey(written);
  if (name === undefined || place === "") {
    throw new BuildError("cli/usage", `--build-context=${text} is not a context`, {
      hint: "Write NAME=PLACE; a name is written as an image's is, in lower case.",
    });
  }
  return { name, source: sourceOf(name, place) };
}

function sourceOf(name: string, place: string): BuildContext["source"] {
  if (place.startsWith(DOCKER_IMAGE)) {
    const image = place.slice(DOCKER_IMAGE.length);
    parseReference(image);
    return { type: "image", name: image };
  }
  if (place.startsWith(OCI_LAYOUT)) return { type: "image", name: place };
  if (place.startsWith(TARGET)) return { type: "stage", name: place.slice(TARGET.length) };
  if (isRemoteContext(place)) {
    throw new BuildError("cli/not-supported", `--build-context ${name}: ${place} is in the network`, {
      hint: "Clone or download it, and name the folder.",
    });
  }
  if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new BuildError("context/not-found", `--build-context ${name}: ${place} is not a folder`, {
      hint: `Name a folder, or write ${DOCKER_IMAGE}REF, ${OCI_LAYOUT}DIR or ${TARGET}STAGE.`,
    });
  }
  return { type: "folder", path: place };
}

/** The planner's view. The last of one name holds. */
export function toNamedContexts(contexts: readonly BuildContext[]): ReadonlyMap<string, NamedContext> {
  return new Map(
    contexts.map(({ name, source }) => [name, source.type === "folder" ? { type: "folder" } : source]),
  );
}

interface NamedTree {
  readonly tree: FileTree;
  readonly ignore: IgnoreRules;
}

/** The folders among named contexts, each opened once, when it is first asked for, under a .dockerignore of its own. */
export function namedTrees(
  contexts: readonly BuildContext[],
  shop: Workshop,
): Disposable & { open(name: string): NamedTree } {
  const opened = new Map<string, NamedTree & Disposable>();
  return {
    open: (name) => {
      const known = opened.get(name) ?? openFolderOf(name, contexts, shop);
      opened.set(name, known);
      return known;
    },
    [Symbol.dispose]: () => {
      for (const each of opened.values()) each[Symbol.dispose]();
    },
  };
}

function openFolderOf(
  name: string,
  contexts: readonly BuildContext[],
  shop: Workshop,
): NamedTree & Disposable {
  const source = contexts.findLast((context) => context.name === name)?.source;
  if (source?.type !== "folder") throw new Error(`${name} is no folder among the contexts`);
  const ignore = readIgnoreRules(readIfThere, {
    dockerfile: undefined,
    shared: join(source.path, ".dockerignore"),
  });
  const tree = openContext({ root: source.path, ignore, home: shop.home, clock: shop.clock });
  return { tree, ignore, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new BuildError("context/unreadable", `cannot read ${path}: ${String(error)}`, { cause: error });
  }
}

/** `dir:tag@digest` taken apart. A colon in the folder's own path is one before a slash. */
export function splitLayoutPlace(place: string): {
  readonly dir: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
} {
  const [, dir = place, tag, digest] =
    /^(.*?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/s.exec(place) ?? [];
  return { dir, tag, digest };
}
