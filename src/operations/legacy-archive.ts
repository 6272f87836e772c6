import { createHash } from "node:crypto";
import { decompress } from "../layer/compression.ts";
import { bad, field, fullNameOf, requireDocument, requireFile } from "./archive-checks.ts";
import { type ArchiveFiles, type FileRange, streamRange } from "./archive-files.ts";
import type { ArchivedImage } from "./archived-image.ts";

type Json = Readonly<Record<string, unknown>>;

/** Fields of a v1 image that its configuration does not have (Docker image specification v1.2). */
const V1_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "parent",
  "parent_id",
  "Size",
  "layer_id",
  "throwaway",
]);
const MAX_LAYERS = 500;

/**
 * `docker save` before version 1.10: `repositories` names top layers, `<id>/json` is an image of its own with a parent. The
 * configuration is made of the chain, as Docker made it when it migrated such images.
 */
export async function legacyImages(files: ArchiveFiles): Promise<readonly ArchivedImage[]> {
  const names = Map.groupBy(readRepositories(files), ({ top }) => top);
  const images: ArchivedImage[] = [];
  for (const [top, tags] of names)
    images.push(
      await legacyImage(
        files,
        top,
        tags.map(({ name }) => name),
      ),
    );
  return images;
}

function readRepositories(files: ArchiveFiles): readonly { readonly name: string; readonly top: string }[] {
  return Object.entries(readJson(files, "repositories")).flatMap(([repository, tags]) =>
    Object.entries(asJson(tags, "repositories")).map(([tag, top]) => {
      if (typeof top !== "string" || !/^[0-9a-f]{64}$/.test(top))
        throw bad("its file repositories names no image");
      return { name: fullNameOf(`${repository}:${tag}`), top };
    }),
  );
}

async function legacyImage(
  files: ArchiveFiles,
  top: string,
  names: readonly string[],
): Promise<ArchivedImage> {
  const chain = readChain(files, top);
  const withLayer = chain.filter(({ json }) => json["throwaway"] !== true);
  const layers = withLayer.map(({ id }) => requireFile(files, `${id}/layer.tar`));
  const diffIds: string[] = [];
  for (const layer of layers) diffIds.push(await diffIdOf(layer));
  const last = chain.at(-1)?.json ?? {};
  const config = {
    ...Object.fromEntries(Object.entries(last).filter(([name]) => !V1_FIELDS.has(name))),
    rootfs: { type: "layers", diff_ids: diffIds },
    history: chain.map(({ json }) => historyOf(json)),
  };
  const bytes = Buffer.from(JSON.stringify(config));
  return {
    names,
    config: bytes,
    layers: layers.map((file) => ({ file, digest: undefined })),
    manifest: undefined,
  };
}

/** The image and its parents, the eldest first. */
function readChain(
  files: ArchiveFiles,
  top: string,
): readonly { readonly id: string; readonly json: Json }[] {
  const chain: { readonly id: string; readonly json: Json }[] = [];
  for (let id: unknown = top; typeof id === "string" && id !== ""; ) {
    if (!/^[0-9a-f]{64}$/.test(id) || chain.length === MAX_LAYERS)
      throw bad("the parents of an image in it have no end");
    const json = readJson(files, `${id}/json`);
    chain.unshift({ id, json });
    id = json["parent"];
  }
  return chain;
}

function historyOf(json: Json): Json {
  const command = field(json["container_config"], "Cmd");
  const { created, author, comment } = json;
  return {
    ...(typeof created === "string" ? { created } : {}),
    ...(typeof author === "string" ? { author } : {}),
    ...(Array.isArray(command) ? { created_by: command.join(" ") } : {}),
    ...(typeof comment === "string" ? { comment } : {}),
    ...(json["throwaway"] === true ? { empty_layer: true } : {}),
  };
}

async function diffIdOf(layer: FileRange): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of decompress(streamRange(layer))) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

function readJson(files: ArchiveFiles, name: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(requireDocument(files, name).toString("utf8"));
  } catch (error) {
    throw error instanceof SyntaxError ? bad(`${name} is not JSON`) : error;
  }
  return asJson(value, name);
}

function asJson(value: unknown, name: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(`${name} is no JSON object`);
  return Object.fromEntries(Object.entries(value));
}
