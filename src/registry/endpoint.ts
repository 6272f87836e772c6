import { BuildError } from "../core/errors.ts";
import { formatRepository, type Reference } from "../core/reference.ts";
import type { RegistryConfig, RegistryRule } from "./config-files.ts";
import { hostnameOf, isInRange, isLoopback } from "./ip-range.ts";

export type Scheme = "https" | "http";

/** A place that serves a repository: the registry itself, or a mirror of it. */
export interface Endpoint {
  /** With its port, as in a URL: `registry-1.docker.io`, `localhost:5000`. */
  readonly host: string;
  /** Under `/v2/` there. */
  readonly repository: string;
  /** The name under which credentials are kept: `docker.io`. */
  readonly authHost: string;
  /** Tried in this order until one is understood. */
  readonly schemes: readonly Scheme[];
  readonly isMirror: boolean;
}

const DOCKER_IO = "docker.io";
const DOCKER_IO_HOST = "registry-1.docker.io";

/** Where to pull a reference from, in the order to try: mirrors, then the registry itself. Blocked ones throw `registry/denied`. */
export function pullEndpoints(reference: Reference, config: RegistryConfig): readonly Endpoint[] {
  const rule = ruleFor(reference, config);
  const byDigest = reference.digest !== undefined;
  const listed = (rule?.mirrors ?? []).filter(
    ({ pulls }) => pulls === "all" || pulls === (byDigest ? "digest-only" : "tag-only"),
  );
  const mirrors = listed.map((mirror) =>
    toEndpoint(relocate(reference, rule, mirror.location), config, mirror.insecure),
  );
  const dockerMirrors = reference.domain === DOCKER_IO ? config.dockerMirrors : [];
  return [...mirrors, ...dockerMirrors.map((host) => toEndpoint(`${host}/${reference.path}`, config, false))]
    .map((endpoint): Endpoint => ({ ...endpoint, isMirror: true }))
    .concat(pushEndpoint(reference, config));
}

/** The registry itself. */
export function pushEndpoint(reference: Reference, config: RegistryConfig): Endpoint {
  if (reference.domain === "") {
    throw new BuildError(
      "image/bad-reference",
      `${reference.path} names no registry: its first part is no host name`,
    );
  }
  const rule = ruleFor(reference, config);
  if (rule?.blocked === true) {
    throw new BuildError("registry/denied", `${rule.prefix} is blocked by ${rule.file}`);
  }
  return toEndpoint(relocate(reference, rule, rule?.location), config, rule?.insecure ?? false);
}

/** A registry as a whole, no repository of it: where a login goes. */
export function hostEndpoint(authHost: string, config: RegistryConfig): Endpoint {
  return toEndpoint(authHost, config, false);
}

/** Whether plain http, and any certificate, is acceptable there. */
export function isInsecure(host: string, config: RegistryConfig): boolean {
  const name = hostnameOf(host);
  return config.insecure.some(
    (entry) => entry.toLowerCase() === host.toLowerCase() || isInRange(name, entry),
  );
}

/** The rule with the longest prefix (containers-registries.conf(5)); `*.example.com` stands for its subdomains. */
function ruleFor(reference: Reference, config: RegistryConfig): RegistryRule | undefined {
  const matching = config.rules.filter((rule) => matchLength(reference, rule.prefix) !== undefined);
  return matching.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** How many characters of the repository's full name the prefix stands for. */
function matchLength(reference: Reference, prefix: string): number | undefined {
  const name = formatRepository(reference);
  if (prefix.startsWith("*.")) {
    return hostnameOf(reference.domain).endsWith(prefix.slice(1)) ? reference.domain.length : undefined;
  }
  if (!name.startsWith(prefix)) return undefined;
  const next = name[prefix.length];
  return next === undefined || next === "/" || next === ":" ? prefix.length : undefined;
}

/** `host/path` with the rule's prefix replaced by a location. */
function relocate(
  reference: Reference,
  rule: RegistryRule | undefined,
  location: string | undefined,
): string {
  const name = formatRepository(reference);
  if (rule === undefined || location === undefined || location === "") return name;
  return location + name.slice(matchLength(reference, rule.prefix) ?? 0);
}

function toEndpoint(name: string, config: RegistryConfig, isListedInsecure: boolean): Endpoint {
  const slash = name.indexOf("/");
  const authHost = slash < 0 ? name : name.slice(0, slash);
  const host = authHost === DOCKER_IO ? DOCKER_IO_HOST : authHost;
  return {
    host,
    repository: slash < 0 ? "" : name.slice(slash + 1),
    authHost,
    schemes: schemesOf(host, isListedInsecure || isInsecure(host, config), config),
    isMirror: false,
  };
}

/** Plain http is for this machine, where it is the rule, and the last resort of listed hosts. Who has a certificate for a host wants TLS. */
function schemesOf(host: string, insecure: boolean, config: RegistryConfig): readonly Scheme[] {
  if (config.certifiedHosts.includes(host)) return ["https"];
  if (isLoopback(host)) return ["http", "https"];
  return insecure ? ["https", "http"] : ["https"];
}

/** Whether a host's certificate is checked. On loopback only against one that was put there. */
export function isVerified(host: string, config: RegistryConfig): boolean {
  return !isInsecure(host, config) && (!isLoopback(host) || config.certifiedHosts.includes(host));
}
