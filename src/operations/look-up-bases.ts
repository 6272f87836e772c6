import { requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { ImageConfig } from "../core/image.ts";
import { findReference, withDefaultTag } from "../core/reference.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { parseConfig } from "../image/parse.ts";
import { buildStageGraph, type StageGraph } from "../plan/stages.ts";
import {
  type Bases,
  imageKey,
  type NeededImage,
  type PlanOptions,
  type ResolvedBase,
} from "../plan/types.ts";
import { openClient } from "./pull-image.ts";
import { atImage, findHere } from "./resolve-bases.ts";
import type { Workshop } from "./workshop.ts";

export interface LookedUpBases {
  readonly graph: StageGraph;
  /** Those whose configuration could be read. */
  readonly bases: Bases;
  /** The others have an empty configuration here, so that planning can go on. */
  readonly all: Bases;
  /** A sentence for each that could not be read. */
  readonly notes: readonly string[];
}

export interface LookUpHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  /** Ask the registry even where the image is here. */
  readonly pull: boolean;
}

/**
 * The stage graph with the configuration of every image it needs, and none of their layers: from the store, else from the registry.
 * An image that a registry does not have is an error, as in a build; one that nobody could be asked about is a note, since most
 * of what can be said of a Dockerfile does not rest on it.
 */
export async function lookUpBases(
  ast: DockerfileAst,
  options: PlanOptions,
  how: LookUpHow,
): Promise<LookedUpBases> {
  const bases = new Map<string, ResolvedBase>();
  const all = new Map<string, ResolvedBase>();
  const notes: string[] = [];
  for (;;) {
    const graph = buildStageGraph(ast, options, all);
    if (graph.missing.length === 0) return { graph, bases, all, notes };
    for (const image of graph.missing) {
      const key = imageKey(image.name, image.platform);
      const found = await lookUp(image, ast, how);
      if (typeof found === "string") notes.push(found);
      else bases.set(key, found);
      all.set(key, typeof found === "string" ? standIn(image) : found);
    }
  }
}

/** The registry answered, and what it answered would end a build too. */
const ANSWERS = ["registry/not-found", "registry/no-platform", "registry/bad-response"];

async function lookUp(
  image: NeededImage,
  ast: DockerfileAst,
  how: LookUpHow,
): Promise<ResolvedBase | string> {
  try {
    const local = await findHere(image, how);
    return local === undefined || local === "of-registry" ? await askRegistry(image, how) : local;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    if (how.signal.aborted) throw new BuildError("cli/canceled", "canceled", { cause: error });
    const isSilence = error.code.startsWith("registry/") && !ANSWERS.includes(error.code);
    if (!isSilence) throw await atImage(error, image, { ast, env: how.shop.env });
    return `${image.name} could not be looked at (${error.message}); variables and triggers that it may define are not checked`;
  }
}

async function askRegistry(image: NeededImage, how: LookUpHow): Promise<ResolvedBase> {
  const reference = findReference(image.name);
  if (reference === undefined) {
    throw new BuildError("plan/bad-base-name", `"${image.name}" is not an image name`, {
      hint: "A name reads [host[:port]/]path[:tag][@sha256:…], in lower case.",
    });
  }
  const { resolveManifest } = await import("../registry/pull.ts");
  const { fetchSmallBlob } = await import("../registry/fetch-blob.ts");
  const { signal } = how;
  await using client = await openClient(how);
  const { manifest, source } = await resolveManifest(client, withDefaultTag(reference), image.platform, {
    signal,
  });
  const bytes = await fetchSmallBlob(client, source, manifest.config, signal);
  return { image: manifest.config.digest, config: parseConfig(bytes) };
}

/** Nothing is known of it; its id is never looked up. */
function standIn({ platform }: NeededImage): ResolvedBase {
  const config: ImageConfig = {
    os: platform.os,
    architecture: platform.architecture,
    config: {},
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  };
  return { image: requireDigest(`sha256:${"0".repeat(64)}`), config };
}
