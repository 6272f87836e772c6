import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { TlsSettings } from "./dispatchers.ts";
import { asObject, asText, asTexts, parseJsonObject } from "./json.ts";
import type { Environment } from "./proxy.ts";
import { parseToml } from "./toml.ts";

/** A `[[registry]]` of registries.conf (containers-registries.conf(5), version 2). */
export interface RegistryRule {
  /** `example.com`, `example.com/team`, `*.example.com`. */
  readonly prefix: string;
  /** What the prefix is replaced by; the prefix itself where none is given. */
  readonly location: string | undefined;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorRule[];
  /** Where it was read. */
  readonly file: string;
}

export interface MirrorRule {
  readonly location: string;
  readonly insecure: boolean;
  readonly pulls: "all" | "digest-only" | "tag-only";
}

/** What this machine's files say about registries. */
export interface RegistryConfig {
  readonly rules: readonly RegistryRule[];
  /** Hosts that mirror Docker Hub (daemon.json). */
  readonly dockerMirrors: readonly string[];
  /** Hosts, with or without port, and CIDR ranges that may be asked without TLS, or with any certificate. */
  readonly insecure: readonly string[];
  /** Folders of `<host>/{*.crt,*.cert,*.key}`. */
  readonly certsDirs: readonly string[];
  /** Hosts that have such a folder: they are asked over TLS, also on loopback, and checked unless listed as insecure. */
  readonly certifiedHosts: readonly string[];
}

export interface RegistryConfigOptions {
  readonly env: Environment;
  readonly home: string;
  /** `/etc`. */
  readonly etc: string;
  /** Hosts listed on the command line. */
  readonly insecure?: readonly string[] | undefined;
}

export const NO_REGISTRY_CONFIG: RegistryConfig = {
  rules: [],
  dockerMirrors: [],
  insecure: [],
  certsDirs: [],
  certifiedHosts: [],
};

/** registries.conf with its drop-ins, then daemon.json. Missing files are normal, damaged ones throw `registry/bad-config`. */
export function readRegistryConfig(options: RegistryConfigOptions): RegistryConfig {
  const rules = registriesFiles(options).flatMap(readRegistriesFile);
  const daemon = readDaemonFile(join(options.etc, "docker/daemon.json"));
  const insecureRules = rules.flatMap((rule) => [
    ...(rule.insecure ? [hostOf(rule.location ?? rule.prefix)] : []),
    ...rule.mirrors.filter((mirror) => mirror.insecure).map((mirror) => hostOf(mirror.location)),
  ]);
  const certsDirs = [
    join(options.home, ".config/containers/certs.d"),
    join(options.etc, "containers/certs.d"),
    join(options.etc, "docker/certs.d"),
  ];
  return {
    rules: latestOfEachPrefix(rules),
    dockerMirrors: daemon.mirrors,
    insecure: [...(options.insecure ?? []), ...insecureRules, ...daemon.insecure],
    certsDirs,
    certifiedHosts: certsDirs.flatMap(list),
  };
}

/** The certificates for one host: `<host>/*.crt` are authorities, `x.cert` with `x.key` is what we show. */
export function readTlsSettings(certsDirs: readonly string[], host: string, verify: boolean): TlsSettings {
  const found = certsDirs.map((folder) => readCertificates(join(folder, host)));
  const client = found.find(({ cert }) => cert !== undefined);
  return { ca: found.flatMap(({ ca }) => ca), cert: client?.cert, key: client?.key, verify };
}

function readCertificates(folder: string): Pick<TlsSettings, "ca" | "cert" | "key"> {
  const names = list(folder);
  const pem = (ending: string) => names.filter((name) => name.endsWith(ending));
  const certs = pem(".cert").map(stem);
  const keys = pem(".key").map(stem);
  // As Docker does: half of a pair is a mistake, and not noticing it ends in a riddle from the registry.
  const [lone] = [
    ...certs.filter((name) => !keys.includes(name)).map((name) => [`${name}.cert`, `${name}.key`] as const),
    ...keys.filter((name) => !certs.includes(name)).map((name) => [`${name}.key`, `${name}.cert`] as const),
  ];
  if (lone !== undefined)
    throw new BuildError(
      "registry/bad-config",
      `${join(folder, lone[0])} is there, and its ${lone[1]} is not`,
      {
        hint: "A client certificate is a pair, NAME.cert and NAME.key; an authority is NAME.crt.",
      },
    );
  const [own] = certs;
  return {
    ca: pem(".crt").map((name) => requireText(join(folder, name))),
    cert: own === undefined ? undefined : requireText(join(folder, `${own}.cert`)),
    key: own === undefined ? undefined : requireText(join(folder, `${own}.key`)),
  };
}

function stem(name: string): string {
  return name.replace(/\.[^.]*$/, "");
}

/** A user's file replaces the machine's; drop-ins are added to either. */
function registriesFiles({ env, home, etc }: RegistryConfigOptions): readonly string[] {
  const named = env["CONTAINERS_REGISTRIES_CONF"] ?? "";
  if (named !== "") return [named];
  const user = join(home, ".config/containers");
  const main = read(join(user, "registries.conf")) === undefined ? join(etc, "containers") : user;
  const dropIns = [join(etc, "containers/registries.conf.d"), join(user, "registries.conf.d")];
  const added = dropIns.flatMap((folder) =>
    list(folder)
      .filter((name) => name.endsWith(".conf"))
      .map((name) => join(folder, name)),
  );
  return [join(main, "registries.conf"), ...added];
}

function readRegistriesFile(file: string): readonly RegistryRule[] {
  const text = read(file);
  if (text === undefined) return [];
  const registries: unknown = parseToml(text, file)["registry"];
  return (Array.isArray(registries) ? registries : []).map((entry) => toRule(entry, file));
}

function toRule(entry: unknown, file: string): RegistryRule {
  const table = asObject(entry) ?? {};
  const location = asText(table["location"]);
  const prefix = asText(table["prefix"]) ?? location;
  if (prefix === undefined || prefix === "") {
    throw new BuildError("registry/bad-config", `${file}: a [[registry]] has neither prefix nor location`);
  }
  const byDigestOnly = table["mirror-by-digest-only"] === true;
  const mirrors: readonly unknown[] = Array.isArray(table["mirror"]) ? table["mirror"] : [];
  return {
    prefix,
    location: location === "" ? undefined : location,
    insecure: table["insecure"] === true,
    blocked: table["blocked"] === true,
    mirrors: mirrors.map((mirror) => toMirror(mirror, byDigestOnly, file)),
    file,
  };
}

function toMirror(entry: unknown, byDigestOnly: boolean, file: string): MirrorRule {
  const table = asObject(entry) ?? {};
  const location = asText(table["location"]);
  if (location === undefined || location === "") {
    throw new BuildError("registry/bad-config", `${file}: a mirror has no location`);
  }
  const pulls = table["pull-from-mirror"];
  return {
    location,
    insecure: table["insecure"] === true,
    pulls: pulls === "digest-only" || pulls === "tag-only" ? pulls : byDigestOnly ? "digest-only" : "all",
  };
}

/** A later file's rule for the same prefix stands. */
function latestOfEachPrefix(rules: readonly RegistryRule[]): readonly RegistryRule[] {
  return [...new Map(rules.map((rule) => [rule.prefix, rule])).values()];
}

function readDaemonFile(file: string): {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
} {
  const text = read(file);
  if (text === undefined || text.trim() === "") return { mirrors: [], insecure: [] };
  const json = parseJsonObject(text);
  if (json === undefined) throw new BuildError("registry/bad-config", `${file} is no JSON object`);
  const urls = asTexts(json["registry-mirrors"]).map((mirror) => URL.parse(mirror));
  const mirrors = urls.flatMap((url) => (url === null ? [] : [url]));
  return {
    mirrors: mirrors.map((url) => url.host),
    // A mirror written with http:// is meant to be asked over http.
    insecure: [
      ...asTexts(json["insecure-registries"]),
      ...mirrors.filter((url) => url.protocol === "http:").map((url) => url.host),
    ],
  };
}

function hostOf(location: string): string {
  return location.split("/")[0] ?? "";
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted((a, b) => (a < b ? -1 : 1));
  } catch {
    return [];
  }
}

/** Undefined where the file is missing. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR"))
      return undefined;
    throw new BuildError("registry/bad-config", `${file} cannot be read`, { cause });
  }
}

function requireText(file: string): string {
  const text = read(file);
  if (text === undefined) throw new BuildError("registry/bad-config", `${file} cannot be read`);
  return text;
}
