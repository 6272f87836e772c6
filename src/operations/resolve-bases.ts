import type { ChainId } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import { formatPlatform, type Platform, samePlatform } from "../core/platform.ts";
import { findReference, formatFamiliar, withDefaultTag } from "../core/reference.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { suggest } from "../dockerfile/suggest.ts";
import { chainId } from "../layer/chain.ts";
import { buildStageGraph, type StageGraph } from "../plan/stages.ts";
import {
  type Bases,
  imageKey,
  type NeededImage,
  type PlanOptions,
  type ResolvedBase,
} from "../plan/types.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { OCI_LAYOUT } from "./build-contexts.ts";
import { isIndex, singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** The stage graph with every image it needs found: in the store, else in its registry. ONBUILD triggers may name more. */
export async function resolveBases(
  ast: DockerfileAst,
  options: PlanOptions,
  how: FindHow,
): Promise<{ readonly graph: StageGraph; readonly bases: Bases }> {
  const bases = new Map<string, ResolvedBase>();
  const runsCommands = ast.stages.some((stage) => stage.instructions.some(({ type }) => type === "RUN"));
  for (;;) {
    const graph = buildStageGraph(ast, options, bases);
    if (graph.missing.length === 0) return { graph, bases };
    for (const image of graph.missing) {
      try {
        bases.set(imageKey(image.name, image.platform), await findImage(image, { ...how, runsCommands }));
      } catch (error) {
        throw error instanceof BuildError ? await atImage(error, image, { ast, env: how.shop.env }) : error;
      }
    }
  }
}

/** The failure to find an image, at its name, with the nearest thing that would have been found. */
export async function atImage(
  error: BuildError,
  image: NeededImage,
  { ast, env }: { readonly ast: DockerfileAst; readonly env: Workshop["env"] },
): Promise<BuildError> {
  const at = { at: image.at, word: image.name };
  const isMissing = error.code.startsWith("registry/") && error.code !== "registry/bad-config";
  if (!isMissing) return error.with(at);
  const stage = suggest(
    image.name,
    ast.stages.flatMap(({ from }) => (from.stageName === undefined ? [] : [from.stageName])),
  );
  if (stage !== undefined) {
    const message = `there is neither a stage nor an image called "${image.name}"`;
    return new BuildError("plan/unknown-stage", message, {
      ...at,
      cause: error,
      hint: `Did you mean the stage ${stage}?`,
    });
  }
  const { dockerHas } = await import("./docker-has.ts");
  if (!(await dockerHas(image.name, env))) return error.with(at);
  const hint = `Docker on this machine has it: docker save ${image.name} | tsbuild load`;
  return new BuildError(error.code, error.message, { ...error.details, ...at, hint });
}

interface FindHow {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
  /** Ask the registry even where the image is here. */
  readonly pull: boolean;
}

async function findImage(
  image: NeededImage,
  how: FindHow & { readonly runsCommands: boolean },
): Promise<ResolvedBase> {
  const { shop } = how;
  const local = await findHere(image, how);
  if (local !== undefined && local !== "of-registry") return await withLayers(local, how);
  // What is pulled is unpacked on the way: by the process that will run commands on it.
  if (how.runsCommands) shop.requireNamespace();
  const reference = findReference(image.name);
  if (reference === undefined) {
    throw new BuildError("plan/bad-base-name", `"${image.name}" is not an image name`, {
      hint: "A name reads [host[:port]/]path[:tag][@sha256:…], in lower case.",
    });
  }
  const { pullImage } = await import("./pull-image.ts");
  // The name stays with the image that has it: that one is of another platform, and as good.
  const keepsName = local !== "of-registry";
  const { id } = await pullImage(withDefaultTag(reference), { ...how, platform: image.platform, keepsName });
  return { image: id, config: readImageConfig(id, shop.store) };
}

/**
 * The image where no registry has to be asked; "of-registry": it is here for another platform, and a registry has it for this one.
 * Throws where it is here for another platform and came from nowhere.
 */
export async function findHere(
  image: NeededImage,
  how: FindHow,
): Promise<ResolvedBase | "of-registry" | undefined> {
  if (image.name.startsWith(OCI_LAYOUT)) return await findInLayout(image, how);
  return how.pull ? undefined : findLocal(image, how.shop);
}

/** An image of an OCI layout, taken into the store without a name. */
async function findInLayout(image: NeededImage, { shop, signal }: FindHow): Promise<ResolvedBase> {
  const { loadLayoutImage } = await import("./load-images.ts");
  const id = await loadLayoutImage(image.name.slice(OCI_LAYOUT.length), image.platform, { shop, signal });
  return { image: id, config: readImageConfig(id, shop.store) };
}

/** Another program may have written the image into the store's layout: its blobs are here then, and nothing else. */
async function withLayers(base: ResolvedBase, { shop, signal }: FindHow): Promise<ResolvedBase> {
  const { diff_ids: diffIds } = base.config.rootfs;
  const top = diffIds.reduce<ChainId | undefined>((parent, diffId) => chainId(parent, diffId), undefined);
  const image =
    top === undefined || shop.store.layers.read(top) !== undefined
      ? undefined
      : shop.store.images.get(base.image);
  if (image !== undefined) {
    const { ensureLayers } = await import("./ensure-layers.ts");
    await ensureLayers({ manifest: image.manifest, config: base.config }, shop, signal);
  }
  return base;
}

function findLocal(image: NeededImage, shop: Workshop): ResolvedBase | "of-registry" | undefined {
  const id = shop.store.images.resolveId(image.name);
  if (id === undefined) return undefined;
  const config = readImageConfig(id, shop.store);
  if (samePlatform(config, image.platform)) return { image: id, config };
  const stored = shop.store.images.get(id);
  if (stored === undefined) return undefined;
  if (isIndex(stored)) {
    const single = singleImage(stored, image.platform, shop);
    return { image: single.id, config: readImageConfig(single.id, shop.store) };
  }
  const sibling = findSibling(stored, image.platform, shop);
  if (sibling !== undefined) return sibling;
  if (stored.repoDigests.length > 0) return "of-registry";
  const reference = findReference(image.name);
  throw new BuildError(
    "plan/platform",
    `${reference === undefined ? image.name : formatFamiliar(reference)} is here for ${config.os}/${config.architecture}, not for ${formatPlatform(image.platform)}`,
    { hint: "Pull it again with --platform, or leave --platform out." },
  );
}

/** What the same index brought for another platform. */
function findSibling(image: StoredImage, platform: Platform, shop: Workshop): ResolvedBase | undefined {
  const sibling = shop.store.images
    .list()
    .find(
      (other) =>
        other.platform === formatPlatform(platform) &&
        other.repoDigests.some((digest) => image.repoDigests.includes(digest)),
    );
  return sibling === undefined
    ? undefined
    : { image: sibling.id, config: readImageConfig(sibling.id, shop.store) };
}
