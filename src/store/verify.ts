import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type DiffId, type Digest, parseDiffId, requireDigest } from "../core/digest.ts";
import { digestOfFile } from "./blob-directory.ts";
import { emptyReach, readConfig, readManifest, walkImage } from "./image-content.ts";
import type { StoredImage } from "./image-directory.ts";
import { damagedImageFiles, type ManifestRef } from "./image-files.ts";
import { namesIn } from "./record-directory.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";

export interface Problem {
  readonly kind: "blob" | "image" | "name" | "layer" | "record" | "listing";
  /** A path in the store, a digest or a name. */
  readonly subject: string;
  readonly message: string;
}

export interface VerifyOptions {
  /** Only this image and what hangs on it; else the whole store. */
  readonly image?: Digest;
  /** Called before each blob is read. */
  readonly onBlob?: (digest: Digest) => void;
}

/** Recomputes every digest and follows every link from names and records down. Changes nothing. */
export async function verifyStore(
  parts: StoreParts,
  contents: StoreContents,
  options: VerifyOptions = {},
): Promise<readonly Problem[]> {
  const lease = parts.leases.open("verify");
  try {
    return await findProblems(parts, contents, options);
  } finally {
    lease[Symbol.dispose]();
  }
}

async function findProblems(
  parts: StoreParts,
  contents: StoreContents,
  options: VerifyOptions,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const images = contents.images
    .list()
    .filter(({ id }) => options.image === undefined || id === options.image);
  for (const image of images) problems.push(...(await imageProblems(contents, image)));
  if (options.image !== undefined) {
    const reach = emptyReach();
    for (const { manifests } of images) {
      for (const { digest } of manifests) walkImage(contents.blobs, digest, reach, () => {});
    }
    return [...problems, ...blobProblems(parts, [...reach.blobs], options)];
  }
  return [
    ...problems,
    ...blobProblems(parts, allBlobs(parts), options),
    ...nameProblems(parts, contents),
    ...layerProblems(contents),
    ...recordProblems(parts, contents),
  ];
}

async function imageProblems(contents: StoreContents, image: StoredImage): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const say = (message: string): void => void problems.push({ kind: "image", subject: image.id, message });
  const reach = emptyReach();
  for (const { digest } of image.manifests) walkImage(contents.blobs, digest, reach, () => {});
  for (const digest of reach.missing) say(`blob ${digest} is missing or damaged`);
  for (const { digest } of image.manifests) {
    const manifest = readManifest(contents.blobs, digest, () => {});
    const config =
      manifest === undefined ? undefined : readConfig(contents.blobs, manifest.config.digest, () => {});
    if (manifest === undefined || config === undefined) continue;
    for (const { digest: blob, size } of [manifest.config, ...manifest.layers]) {
      const actual = contents.blobs.sizeOf(blob);
      if (actual !== undefined && actual !== size) say(`blob ${blob} has ${actual} bytes, not ${size}`);
    }
    if (manifest.layers.length !== config.diffIds.length) {
      say(`${manifest.layers.length} layers in manifest ${digest}, ${config.diffIds.length} in the config`);
      continue;
    }
    for (const [at, layer] of manifest.layers.entries()) {
      const diffId = config.diffIds[at];
      const message = diffId === undefined ? undefined : await diffIdProblem(contents, layer, diffId);
      if (message !== undefined) say(message);
    }
  }
  return problems;
}

/** The layer, uncompressed, must have the digest that the config gives. What is stored uncompressed is checked as a blob. */
async function diffIdProblem(
  contents: StoreContents,
  layer: ManifestRef,
  diffId: DiffId,
): Promise<string | undefined> {
  if (parseDiffId(layer.digest) === diffId || !contents.blobs.has(layer.digest)) return undefined;
  const isZstd = layer.mediaType.endsWith("zstd");
  if (!isZstd && !layer.mediaType.endsWith("gzip"))
    return `layer ${layer.digest} is not the tar of diff id ${diffId}`;
  const hash = createHash("sha256");
  try {
    const source = createReadStream(contents.blobs.pathOf(layer.digest));
    await pipeline(
      source,
      isZstd ? createZstdDecompress() : createGunzip(),
      async (bytes: AsyncIterable<Buffer>) => {
        for await (const chunk of bytes) hash.update(chunk);
      },
    );
  } catch (error) {
    return `layer ${layer.digest} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`;
  }
  const found = `sha256:${hash.digest("hex")}`;
  return found === diffId ? undefined : `layer ${layer.digest} unpacks to ${found}, not to diff id ${diffId}`;
}

function blobProblems(
  parts: StoreParts,
  digests: readonly Digest[],
  options: VerifyOptions,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const digest of digests) {
    options.onBlob?.(digest);
    for (const path of [parts.paths.imageBlob(digest), parts.paths.cacheBlob(digest)]) {
      if (!existsSync(path) || digestOfFile(path) === digest) continue;
      problems.push({ kind: "blob", subject: path, message: `blob ${digest} is damaged` });
    }
  }
  return problems;
}

function allBlobs({ paths }: StoreParts): readonly Digest[] {
  const names = new Set([...namesIn(paths.imageBlobs), ...namesIn(paths.cacheBlobs)]);
  return [...names]
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => requireDigest(`sha256:${name}`));
}

function nameProblems(parts: StoreParts, contents: StoreContents): readonly Problem[] {
  const damaged = damagedImageFiles(parts).map(
    (path): Problem => ({ kind: "name", subject: path, message: "the file is damaged" }),
  );
  const dangling = contents.images.files
    .refs()
    .filter((ref) => contents.images.files.readImage(ref.image) === undefined)
    .map(
      (ref): Problem => ({
        kind: "name",
        subject: ref.name,
        message: `image ${ref.image} is not in the store`,
      }),
    );
  return [...damaged, ...dangling];
}

function layerProblems(contents: StoreContents): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { dir, layer } of contents.layers.entries()) {
    if (layer === undefined) {
      if (existsSync(join(dir, "layer.json"))) {
        problems.push({ kind: "layer", subject: dir, message: "layer.json is damaged" });
      }
    } else if (contents.layers.readToc(layer.chainId) === undefined) {
      problems.push({ kind: "layer", subject: dir, message: "the table of contents is damaged or missing" });
    }
  }
  return problems;
}

function recordProblems(parts: StoreParts, contents: StoreContents): readonly Problem[] {
  const problems: Problem[] = [];
  const damaged = (path: string): void => {
    problems.push({ kind: "record", subject: path, message: "the record is damaged" });
  };
  for (const { path, record } of contents.records.entries(damaged)) {
    const diff = record.layer === null ? undefined : requireDigest(record.layer.diffId);
    if (diff !== undefined && !contents.blobs.has(diff)) {
      problems.push({
        kind: "record",
        subject: path,
        message: `layer ${diff} is missing; the step would run again`,
      });
    }
  }
  const { listings } = parts.paths;
  for (const folder of namesIn(listings)) {
    for (const name of namesIn(join(listings, folder))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      if (contents.listings.get(requireDigest(`sha256:${name}`)) !== undefined) continue;
      problems.push({
        kind: "listing",
        subject: join(listings, folder, name),
        message: "the listing is damaged",
      });
    }
  }
  return problems;
}
