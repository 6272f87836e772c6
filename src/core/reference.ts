import { type Digest, parseDigest } from "./digest.ts";
import { BuildError } from "./errors.ts";

/**
 * The name of an image, normalised as Docker does (distribution reference grammar): `busybox` is
 * `docker.io/library/busybox`. `domain` is empty only for names like `a_b.c/d`, which no registry can serve.
 */
export interface Reference {
  /** Registry host, with a port where one was written: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository in that registry: `library/busybox`. */
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
const MAX_PATH_CHARACTERS = 255;

const DOMAIN =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::[0-9]+)?$/i;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;
/** OCI image-spec annotations.md, `org.opencontainers.image.ref.name`. */
const OCI_REF_NAME =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

/** Untrusted text to a reference; throws `image/bad-reference` with what is wrong about it. */
export function parseReference(text: string): Reference {
  const result = read(text);
  if (typeof result === "string") {
    throw new BuildError("image/bad-reference", `"${text}" is no image name: ${result}`, {
      hint: "Image names look like debian, debian:12, registry.example.com/team/app:1.0 or app@sha256:….",
    });
  }
  return result;
}

/** The same for text that may as well be something else, an image id for instance. */
export function findReference(text: string): Reference | undefined {
  const result = read(text);
  return typeof result === "string" ? undefined : result;
}

/** The repository alone: domain and path. */
export function formatRepository(reference: Reference): string {
  return reference.domain === "" ? reference.path : `${reference.domain}/${reference.path}`;
}

/** Everything written out: `docker.io/library/busybox:1.36`. No tag is added. */
export function formatFull(reference: Reference): string {
  return formatRepository(reference) + suffixOf(reference);
}

/** As people write it: `busybox:1.36`, `user/app`, `localhost:5000/app`. */
export function formatFamiliar(reference: Reference): string {
  return familiarRepository(reference) + suffixOf(reference);
}

export function familiarRepository(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return formatRepository(reference);
  const { path } = reference;
  const short = path.startsWith(OFFICIAL_PREFIX) ? path.slice(OFFICIAL_PREFIX.length) : path;
  // Docker shortens `docker.io/a.b/c` too, and then reads it as a host: a name that would not read back stays whole.
  return [short, path].find(readsAs(path)) ?? formatRepository(reference);
}

function readsAs(path: string): (text: string) => boolean {
  return (text) => {
    const [domain, remainder] = splitDomain(text);
    return domain === DEFAULT_DOMAIN && remainder === path && !IMAGE_ID.test(text);
  };
}

/** `latest` where there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: DEFAULT_TAG }
    : reference;
}

/** The familiar name where it fits the grammar of `org.opencontainers.image.ref.name`, else undefined (`foo__bar:1`). */
export function refNameForOci(reference: Reference): string | undefined {
  const name = formatFamiliar(reference);
  return OCI_REF_NAME.test(name) ? name : undefined;
}

function suffixOf(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}

/** The reference, or in a few words why it is none. */
function read(text: string): Reference | string {
  if (IMAGE_ID.test(text)) return "64 hexadecimal digits are an image id";
  const [domain, remainder] = splitDomain(text);

  const at = remainder.indexOf("@");
  const named = at < 0 ? remainder : remainder.slice(0, at);
  const digest = at < 0 ? undefined : parseDigest(remainder.slice(at + 1));
  if (at >= 0 && digest === undefined) return "what follows @ is no sha256 digest";

  const colon = named.indexOf(":");
  const path = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const problem = pathProblem(path) ?? tagProblem(tag);
  if (problem !== undefined) return problem;

  const parts = { ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
  if (DOMAIN.test(domain)) return { domain, path, ...parts };
  // What looked like a host is none, but may be the first part of a path: `a_b.c/d`.
  const whole = `${domain}/${path}`;
  return pathProblem(whole) ?? { domain: "", path: whole, ...parts };
}

/**
 * The first part is a host where it has a dot or a colon, is `localhost`, or has upper case letters (which no path has);
 * else the whole is a path on Docker Hub.
 */
function splitDomain(text: string): readonly [domain: string, remainder: string] {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !isHost || first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first;
  const remainder = isHost ? text.slice(slash + 1) : text;
  const isOfficial = domain === DEFAULT_DOMAIN && remainder !== "" && !remainder.includes("/");
  return [domain, isOfficial ? OFFICIAL_PREFIX + remainder : remainder];
}

function pathProblem(path: string): string | undefined {
  if (path !== path.toLowerCase()) return `the repository name (${path}) must be lower case`;
  if (!path.split("/").every((component) => PATH_COMPONENT.test(component))) {
    return "a repository name is made of lower case letters, digits and single separators (. _ __ -)";
  }
  if (path.length > MAX_PATH_CHARACTERS)
    return `the repository name is longer than ${MAX_PATH_CHARACTERS} characters`;
  return undefined;
}

function tagProblem(tag: string | undefined): string | undefined {
  if (tag === undefined || TAG.test(tag)) return undefined;
  return "a tag is at most 128 letters, digits, underscores, dots and dashes, and begins with none of the last two";
}
