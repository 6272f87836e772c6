import { createHash } from "node:crypto";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { type Digest, parseDigest, requireDigest } from "../core/digest.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { ImageIndex, ImageManifest } from "../core/image.ts";
import { parseIndex, parseManifest } from "../image/parse.ts";
import { asObject, asText, asTexts, type Json, parseJsonObject } from "./json.ts";

/** A manifest or index as it came over the wire. */
export type ManifestDocument =
  | {
      readonly kind: "index";
      readonly descriptor: Descriptor;
      readonly bytes: Buffer;
      readonly index: ImageIndex;
    }
  | {
      readonly kind: "manifest";
      readonly descriptor: Descriptor;
      readonly bytes: Buffer;
      readonly manifest: ImageManifest;
    };

/** Where bytes of a manifest come from, for messages; and what is known about them beforehand. */
export interface ManifestOrigin {
  /** As people name it. */
  readonly subject: string;
  /** Content-Type of the answer; undefined where the bytes are our own. */
  readonly contentType?: string | undefined;
  /** What was asked for, or promised by a header or an index. */
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** Registries need accept no more (OCI distribution-spec, pushing manifests). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const INDEX_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList]);
const MANIFEST_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest]);
const SCHEMA_1_TYPE = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

export const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(", ");

/**
 * Foreign bytes to a manifest or an index. Refused: other bytes than the digest says (`registry/digest-mismatch`), the old
 * schema 1, and documents that could be taken for either kind (CVE-2021-41190), with `registry/bad-response`.
 */
export function readManifestDocument(bytes: Buffer, origin: ManifestOrigin): ManifestDocument {
  const digest = digestOf(bytes);
  if (origin.digest !== undefined && origin.digest !== digest) {
    throw new BuildError(
      "registry/digest-mismatch",
      `${origin.subject}: expected ${origin.digest}, received ${digest}`,
      {
        hint: "The registry, or something on the way, changed the manifest. Try again; if it stays, ask who runs the registry.",
      },
    );
  }
  if (origin.size !== undefined && origin.size !== bytes.length) {
    throw refused(origin, `it has ${bytes.length} bytes, its descriptor says ${origin.size}`);
  }
  const json = parseJsonObject(bytes.toString("utf8"));
  if (json === undefined) throw refused(origin, "its manifest is no JSON object");
  const mediaType = mediaTypeOf(json, origin);
  const descriptor: Descriptor = { mediaType, digest, size: bytes.length };
  try {
    if (INDEX_TYPES.has(mediaType)) {
      const index = { ...parseIndex(bytes), mediaType };
      checkSizes(index.manifests, origin);
      return { kind: "index", descriptor, bytes, index };
    }
    const manifest = { ...parseManifest(bytes), mediaType };
    checkSizes([manifest.config, ...manifest.layers], origin);
    return { kind: "manifest", descriptor, bytes, manifest };
  } catch (error) {
    if (!isBuildError(error) || error.code !== "image/bad-config") throw error;
    throw refused(origin, error.message);
  }
}

/** Addresses outside the registry that a manifest names for layers (Docker's foreign layers), by digest. */
export function foreignUrls(bytes: Buffer): ReadonlyMap<Digest, readonly string[]> {
  const layers = parseJsonObject(bytes.toString("utf8"))?.["layers"];
  const found = new Map<Digest, readonly string[]>();
  for (const layer of Array.isArray(layers) ? layers : []) {
    const json = asObject(layer);
    const digest = parseDigest(asText(json?.["digest"]) ?? "");
    const urls = asTexts(json?.["urls"]);
    if (digest !== undefined && urls.length > 0) found.set(digest, urls);
  }
  return found;
}

export function digestOf(bytes: Uint8Array): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}

/** The one type on which the header, the document and its fields agree. */
function mediaTypeOf(json: Json, origin: ManifestOrigin): string {
  const header = (origin.contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const inside = asText(json["mediaType"]);
  if (SCHEMA_1_TYPE.test(header) || json["schemaVersion"] === 1) throw schema1(origin);
  const isKnown = (type: string) => INDEX_TYPES.has(type) || MANIFEST_TYPES.has(type);
  if (inside !== undefined && isKnown(header) && inside !== header) {
    throw refused(origin, `it was sent as ${header} and calls itself ${inside}`);
  }
  const shape = shapeOf(json, origin);
  const type = [header, inside ?? ""].find(isKnown) ?? (inside === undefined ? shape : inside);
  if (!isKnown(type)) throw refused(origin, `it is of a kind that is no image (${type})`);
  if (INDEX_TYPES.has(type) !== INDEX_TYPES.has(shape)) {
    throw refused(origin, `it is called ${type} and does not look like one`);
  }
  return type;
}

function shapeOf(json: Json, origin: ManifestOrigin): string {
  const isIndex = json["manifests"] !== undefined;
  const isManifest = ["layers", "config", "fsLayers", "history"].some((name) => json[name] !== undefined);
  if (isIndex && isManifest)
    throw refused(origin, "it could be read both as an image and as a list of images");
  if (!isIndex && !isManifest) throw refused(origin, "it is neither an image nor a list of images");
  return isIndex ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest;
}

function checkSizes(descriptors: readonly Descriptor[], origin: ManifestOrigin): void {
  const bad = descriptors.find(({ size }) => !Number.isSafeInteger(size) || size < 0);
  if (bad !== undefined) throw refused(origin, `${bad.digest} has a size of ${bad.size}`);
}

function schema1(origin: ManifestOrigin): BuildError {
  return new BuildError(
    "registry/bad-response",
    `${origin.subject} is in the old image format (schema 1), which is not read`,
    {
      hint: "Push it again with a Docker of this decade, or copy it: skopeo copy --format v2s2 …",
    },
  );
}

function refused(origin: ManifestOrigin, why: string): BuildError {
  return new BuildError("registry/bad-response", `${origin.subject} cannot be used: ${why}`);
}
