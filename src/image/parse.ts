import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { parseDiffId, parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { HistoryEntry, ImageConfig, ImageIndex, ImageManifest } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";

/** Foreign bytes to an image configuration. Unknown fields are dropped, missing ones defaulted; wrong types throw `image/bad-config`. */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const json = parseObject(bytes, "image configuration");
  const rootfs = object(json["rootfs"]);
  const ids = array(rootfs?.["diff_ids"]).map((id) => (typeof id === "string" ? parseDiffId(id) : undefined));
  if (ids.includes(undefined))
    throw bad("image configuration", "rootfs.diff_ids holds something that is no sha256 digest");
  const { created, author, variant } = json;
  return {
    ...(typeof created === "string" ? { created } : {}),
    ...(typeof author === "string" ? { author } : {}),
    architecture: text(json["architecture"]) ?? "",
    os: text(json["os"]) ?? "",
    ...(typeof variant === "string" && variant !== "" ? { variant } : {}),
    ...(typeof json["os.version"] === "string" ? { "os.version": json["os.version"] } : {}),
    ...(Array.isArray(json["os.features"]) ? { "os.features": strings(json["os.features"]) } : {}),
    config: parseContainerConfig(object(json["config"]) ?? {}),
    rootfs: { type: "layers", diff_ids: ids.flatMap((id) => (id === undefined ? [] : [id])) },
    history: array(json["history"]).map((row) => parseHistory(object(row) ?? {})),
  };
}

export function parseManifest(bytes: Uint8Array): ImageManifest {
  const json = parseObject(bytes, "image manifest");
  const config = parseDescriptor(json["config"]);
  if (config === undefined || !Array.isArray(json["layers"]))
    throw bad("image manifest", "it names no config or no layers");
  return {
    schemaVersion: 2,
    mediaType: text(json["mediaType"]) ?? MEDIA_TYPE.ociManifest,
    config,
    layers: array(json["layers"]).map((layer) => requireDescriptor(layer)),
    ...annotations(json["annotations"]),
  };
}

export function parseIndex(bytes: Uint8Array): ImageIndex {
  const json = parseObject(bytes, "image index");
  return {
    schemaVersion: 2,
    mediaType: text(json["mediaType"]) ?? MEDIA_TYPE.ociIndex,
    manifests: array(json["manifests"]).map((entry) => requireDescriptor(entry)),
    ...annotations(json["annotations"]),
  };
}

function requireDescriptor(value: unknown): Descriptor {
  const descriptor = parseDescriptor(value);
  if (descriptor === undefined) throw bad("manifest", "a descriptor lacks its digest or size");
  return descriptor;
}

export function parseDescriptor(value: unknown): Descriptor | undefined {
  const json = object(value);
  const digest = parseDigest(text(json?.["digest"]) ?? "");
  const size = json?.["size"];
  if (json === undefined || digest === undefined || typeof size !== "number") return undefined;
  const platform = object(json["platform"]);
  return {
    mediaType: text(json["mediaType"]) ?? "",
    digest,
    size,
    ...(platform === undefined ? {} : { platform: parsePlatformObject(platform) }),
    ...annotations(json["annotations"]),
  };
}

function parsePlatformObject(json: Json): Platform {
  const variant = text(json["variant"]);
  return {
    os: text(json["os"]) ?? "",
    architecture: text(json["architecture"]) ?? "",
    ...(variant === undefined || variant === "" ? {} : { variant }),
  };
}

function parseHistory(json: Json): HistoryEntry {
  const field = (name: "created" | "created_by" | "author" | "comment") => {
    const value = text(json[name]);
    return value === undefined ? {} : { [name]: value };
  };
  return {
    ...field("created"),
    ...field("created_by"),
    ...field("author"),
    ...field("comment"),
    ...(json["empty_layer"] === true ? { empty_layer: true } : {}),
  };
}

function parseContainerConfig(json: Json): ImageConfig["config"] {
  const string = (name: string) =>
    typeof json[name] === "string" && json[name] !== "" ? { [name]: json[name] } : {};
  const list = (name: string) => (Array.isArray(json[name]) ? { [name]: strings(json[name]) } : {});
  const map = (name: string) => (object(json[name]) === undefined ? {} : { [name]: json[name] });
  return {
    ...string("User"),
    ...map("ExposedPorts"),
    ...list("Env"),
    ...list("Entrypoint"),
    ...list("Cmd"),
    ...map("Volumes"),
    ...string("WorkingDir"),
    ...map("Labels"),
    ...string("StopSignal"),
    ...map("Healthcheck"),
    ...list("Shell"),
    ...list("OnBuild"),
    ...(json["ArgsEscaped"] === true ? { ArgsEscaped: true } : {}),
  };
}

type Json = Readonly<Record<string, unknown>>;

function parseObject(bytes: Uint8Array, what: string): Json {
  try {
    const json = object(JSON.parse(Buffer.from(bytes).toString("utf8")));
    if (json !== undefined) return json;
  } catch (cause) {
    throw new BuildError("image/bad-config", `the ${what} is not JSON`, { cause });
  }
  throw bad(what, "it is not an object");
}

function bad(what: string, why: string): BuildError {
  return new BuildError("image/bad-config", `the ${what} cannot be read: ${why}`);
}

function object(value: unknown): Json | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- any non-array object is a record of unknowns
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function strings(value: unknown): string[] {
  return array(value).filter((item) => typeof item === "string");
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function annotations(value: unknown): { readonly annotations?: Readonly<Record<string, string>> } {
  const json = object(value);
  if (json === undefined) return {};
  const entries = Object.entries(json).flatMap(([key, item]) =>
    typeof item === "string" ? [[key, item] as const] : [],
  );
  return { annotations: Object.fromEntries(entries) };
}
