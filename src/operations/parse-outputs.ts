import { BuildError } from "../core/errors.ts";
import { csvFields } from "../dockerfile/csv-fields.ts";
import type {
  Annotation,
  AnnotationPlace,
  ArchiveOutput,
  ImageEncoding,
  OutputSpec,
} from "../output/output-spec.ts";

const TYPES = ["local", "tar", "oci", "docker", "image", "registry"] as const;
type OutputType = (typeof TYPES)[number];

/** What each type takes (buildx: docs/reference/buildx_build.md, exporters). */
const ENCODING = [
  "name",
  "compression",
  "compression-level",
  "force-compression",
  "oci-mediatypes",
  "rewrite-timestamp",
];
const TAKES: Readonly<Record<OutputType, readonly string[]>> = {
  local: ["dest", "platform-split"],
  tar: ["dest", "platform-split"],
  oci: ["dest", "tar", ...ENCODING],
  docker: ["dest", "tar", ...ENCODING],
  image: ["push", "store", "unpack", ...ENCODING],
  registry: ["push", "store", "unpack", ...ENCODING],
};
/** Attributes that BuildKit has and that mean nothing here, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  "push-by-digest": "an image is pushed by its name here",
  "name-canonical": "an image is pushed by its name here",
  "dangling-name-prefix": "an image without a name stays without one",
  "registry.insecure": "say in registries.conf which registries are insecure",
  context: "set DOCKER_HOST to choose the daemon",
  "attestation-prefix": "attestations are not made",
  "oci-artifact": "attestations are not made",
};

/** What one `-o` says; with what belongs to the whole image rather than to one output. */
export interface ParsedOutput {
  readonly spec: OutputSpec;
  readonly rewriteTimestamp: boolean | undefined;
}

/** `type=oci,dest=x.tar`, `DIR`, `-`: one line of CSV, as buildx reads it. Throws `cli/usage`, `cli/not-supported`. */
export function parseOutput(text: string): ParsedOutput {
  const fields = csvFields(text);
  if (fields === undefined)
    throw bad(text, "it is not well quoted", "Quote a value with a comma whole: '\"name=a,b\"'.");
  const [first = ""] = fields;
  if (fields.length === 1 && !first.startsWith("type=")) {
    const type = first === "-" ? "tar" : "local";
    return { spec: { type, dest: first, platformSplit: true }, rewriteTimestamp: undefined };
  }
  const attributes = new Map<string, string>();
  const annotations: Annotation[] = [];
  for (const field of fields) {
    const equals = field.indexOf("=");
    if (equals < 0)
      throw bad(text, `"${field}" has no value`, "Write attributes as name=value, with commas between.");
    const name = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1);
    const annotation = name.startsWith("annotation")
      ? parseAnnotationAttribute(field.slice(0, equals).trim(), value)
      : undefined;
    if (annotation !== undefined) annotations.push(annotation);
    else attributes.set(name, value);
  }
  return toOutput(text, { attributes, annotations });
}

interface Attributes {
  readonly attributes: ReadonlyMap<string, string>;
  readonly annotations: readonly Annotation[];
}

function toOutput(text: string, parsed: Attributes): ParsedOutput {
  const { attributes, annotations } = parsed;
  const type = TYPES.find((known) => known === attributes.get("type"));
  if (type === undefined) {
    const given = attributes.get("type");
    if (given === "cacheonly")
      throw notSupported("type=cacheonly", "build without -o: the store is the cache too");
    throw bad(
      text,
      given === undefined ? "it has no type" : `there is no type "${given}"`,
      `Types are ${TYPES.join(", ")}.`,
    );
  }
  for (const name of attributes.keys()) refuseUnknown(name, { type, text });
  if (type === "local" || type === "tar") {
    if (annotations.length > 0) throw bad(text, "files have no annotations", "Annotate an image output.");
    return { spec: toFiles(text, type, attributes), rewriteTimestamp: undefined };
  }
  const rewriteTimestamp = truth(attributes, "rewrite-timestamp", text);
  const encoding = toEncoding(text, parsed);
  const names = (attributes.get("name") ?? "").split(",").filter((name) => name !== "");
  if (type === "image" || type === "registry") {
    if (truth(attributes, "unpack", text) === true)
      throw notSupported("unpack=true", "layers are unpacked where a step needs them");
    if (truth(attributes, "store", text) === false)
      throw notSupported("store=false", "an image is always kept in the store");
    const push = truth(attributes, "push", text) ?? type === "registry";
    return { spec: { type: "image", push, names, annotations, ...encoding }, rewriteTimestamp };
  }
  return {
    spec: { ...toArchive(text, type, attributes), names, annotations, ...encoding },
    rewriteTimestamp,
  };
}

function toArchive(
  text: string,
  type: "oci" | "docker",
  attributes: ReadonlyMap<string, string>,
): Pick<ArchiveOutput, "type" | "dest" | "isFolder"> {
  const dest = attributes.get("dest");
  const isFolder = truth(attributes, "tar", text) === false;
  if (type === "docker" && isFolder)
    throw bad(text, "Docker's archive has no folder form", "Write type=oci,tar=false.");
  if (dest === "") throw bad(text, "dest is empty", "Name a file, or - for standard output.");
  if (isFolder && (dest === undefined || dest === "-"))
    throw bad(text, "a folder needs a dest", "Write type=oci,tar=false,dest=DIR.");
  return { type, dest: dest ?? (type === "oci" ? "-" : undefined), isFolder };
}

function toFiles(text: string, type: "local" | "tar", attributes: ReadonlyMap<string, string>): OutputSpec {
  const dest = attributes.get("dest") ?? (type === "tar" ? "-" : "");
  if (dest === "")
    throw bad(text, "dest is missing", `Write type=${type},dest=${type === "local" ? "DIR" : "FILE"}.`);
  if (type === "local" && dest === "-")
    throw bad(text, "a folder cannot be standard output", "Write type=tar,dest=-.");
  return { type, dest, platformSplit: truth(attributes, "platform-split", text) ?? true };
}

function refuseUnknown(
  name: string,
  { type, text }: { readonly type: OutputType; readonly text: string },
): void {
  if (name === "type" || TAKES[type].includes(name)) return;
  const why = REFUSED[name];
  if (why !== undefined) throw notSupported(name, why);
  throw bad(
    text,
    `type=${type} has no attribute "${name}"`,
    `It has ${TAKES[type].join(", ")}${type === "local" || type === "tar" ? "" : " and annotation.KEY"}.`,
  );
}

const HIGHEST_LEVEL = { gzip: 9, zstd: 22 } as const;

function toEncoding(text: string, { attributes, annotations }: Attributes): ImageEncoding {
  const compression = attributes.get("compression");
  if (compression === "estargz")
    throw notSupported("compression=estargz", "choose gzip or zstd: lazily pulled layers are not written");
  if (
    compression !== undefined &&
    compression !== "uncompressed" &&
    compression !== "gzip" &&
    compression !== "zstd"
  )
    throw bad(text, `"${compression}" is no compression`, "Choose uncompressed, gzip or zstd.");
  const ociMediaTypes = truth(attributes, "oci-mediatypes", text) ?? true;
  if (!ociMediaTypes && compression === "zstd")
    throw bad(text, "Docker's media types have no zstd", "Leave oci-mediatypes=false out, or choose gzip.");
  if (!ociMediaTypes && annotations.length > 0)
    throw bad(text, "Docker's manifests have no annotations", "Leave oci-mediatypes=false out.");
  return {
    compression,
    level: levelOf(text, attributes),
    forceCompression: truth(attributes, "force-compression", text) ?? false,
    ociMediaTypes,
  };
}

function levelOf(text: string, attributes: ReadonlyMap<string, string>): number | undefined {
  const written = attributes.get("compression-level");
  if (written === undefined) return undefined;
  const compression = attributes.get("compression") ?? "gzip";
  if (compression !== "gzip" && compression !== "zstd")
    throw bad(text, "uncompressed layers have no level", "Choose compression=gzip or zstd.");
  const highest = HIGHEST_LEVEL[compression];
  const level = Number(written);
  if (/^\d+$/.test(written) && level <= highest && (compression === "gzip" || level > 0)) return level;
  throw bad(
    text,
    `compression-level=${written} is no level of ${compression}`,
    `Choose one up to ${highest}.`,
  );
}

function truth(attributes: ReadonlyMap<string, string>, name: string, text: string): boolean | undefined {
  const value = attributes.get(name);
  if (value === undefined) return undefined;
  if (["1", "t", "T", "true", "True", "TRUE"].includes(value)) return true;
  if (["0", "f", "F", "false", "False", "FALSE"].includes(value)) return false;
  throw bad(text, `${name}=${value} is neither true nor false`, `Write ${name}=true or ${name}=false.`);
}

const PLACES: readonly AnnotationPlace[] = ["manifest", "index", "manifest-descriptor", "index-descriptor"];

/** `annotation.KEY`, `annotation-index.KEY`, `annotation-manifest[linux/arm64].KEY`; undefined: another attribute. */
function parseAnnotationAttribute(name: string, value: string): Annotation | undefined {
  const match = /^annotation(?:-([a-z-]+))?(?:\[([^\]]+)\])?\.(.+)$/.exec(name);
  if (match === null) return undefined;
  const [, place = "manifest", platform, key = ""] = match;
  return { place: requirePlace(place), platform, key, value };
}

/** `[PLACE[,PLACE…]:]KEY=VALUE` of --annotation. */
export function parseAnnotation(text: string): readonly Annotation[] {
  const [, written = "manifest", key = "", value = ""] =
    /^(?:([a-z-]+(?:\[[^\]]+\])?(?:,[a-z-]+(?:\[[^\]]+\])?)*):)?([^=\s]+)=(.*)$/s.exec(text) ?? [];
  if (key === "") {
    throw new BuildError("cli/usage", `--annotation="${text}" is no annotation`, {
      hint: "Write KEY=VALUE, or manifest:KEY=VALUE, index:KEY=VALUE, manifest-descriptor:KEY=VALUE.",
    });
  }
  return written.split(",").map((each) => {
    const [, place = each, platform] = /^([a-z-]+)\[([^\]]+)\]$/.exec(each) ?? [];
    return { place: requirePlace(place), platform, key, value };
  });
}

function requirePlace(text: string): AnnotationPlace {
  const place = PLACES.find((known) => known === text);
  if (place !== undefined) return place;
  throw new BuildError("cli/usage", `an annotation cannot be put on "${text}"`, {
    hint: `Choose ${PLACES.join(", ")}.`,
  });
}

function bad(text: string, why: string, hint: string): BuildError {
  return new BuildError("cli/usage", `--output=${text}: ${why}`, { hint });
}

function notSupported(what: string, instead: string): BuildError {
  return new BuildError("cli/not-supported", `${what} of an output is not supported`, {
    hint: `${instead.charAt(0).toUpperCase()}${instead.slice(1)}.`,
  });
}
