import { BuildError } from "../core/errors.ts";
import { type AuthFileOptions, chooseAuthFile, readAuthFile } from "./auth-file.ts";
import { askCredentialHelper } from "./credential-helper.ts";
import { asObject, asText, type Json } from "./json.ts";

/** What is kept for a registry. */
export type Credentials =
  | { readonly type: "none" }
  | { readonly type: "basic"; readonly username: string; readonly password: string }
  /** Traded for access tokens (OAuth2 refresh token). */
  | { readonly type: "identity-token"; readonly token: string }
  /** An access token as it is. */
  | { readonly type: "bearer"; readonly token: string };

export interface CredentialSource {
  /** The file in force, for hints. */
  readonly path: string;
  /** `authHost` as people write it in references: `docker.io`, `localhost:5000`. */
  find(authHost: string, repository: string): Promise<Credentials>;
}

const NONE: Credentials = { type: "none" };
const DOCKER_IO = "docker.io";
/** Under these keys Docker, podman and old tools keep what is for Docker Hub; the first is the one that helpers know. */
const DOCKER_IO_KEYS = [
  "https://index.docker.io/v1/",
  "index.docker.io",
  "docker.io",
  "registry-1.docker.io",
];
/** The user name by which a helper says that the secret is an identity token. */
export const TOKEN_USER = "<token>";

/**
 * The one auth file in force: --authfile, else $REGISTRY_AUTH_FILE, else $DOCKER_CONFIG/config.json, else
 * ~/.docker/config.json. Read at the first question; a file that was named must exist, the default ones need not.
 */
export function openCredentialSource(options: AuthFileOptions): CredentialSource {
  const { path, isNamed } = chooseAuthFile(options);
  let file: Json | undefined;
  return {
    path,
    async find(authHost, repository) {
      file ??= readAuthFile(path, isNamed);
      return (await fromHelper(file, authHost)) ?? fromAuths(file, authHost, repository, path) ?? NONE;
    },
  };
}

async function fromHelper(file: Json, authHost: string): Promise<Credentials | undefined> {
  const helper = helperOf(file, authHost);
  if (helper === undefined) return undefined;
  const secret = await askCredentialHelper(helper.name, helper.server);
  if (secret === undefined) return undefined;
  return secret.username === TOKEN_USER
    ? { type: "identity-token", token: secret.secret }
    : { type: "basic", username: secret.username, password: secret.secret };
}

/** The most specific entry: `host/team/app`, `host/team`, `host`; then the spellings with a scheme or a path. */
function fromAuths(file: Json, authHost: string, repository: string, path: string): Credentials | undefined {
  const auths = asObject(file["auths"]) ?? {};
  const parts = repository.split("/");
  const scoped = parts.map((_, index) => `${authHost}/${parts.slice(0, parts.length - index).join("/")}`);
  const exact = [...scoped, ...keysOf(authHost)].find((key) => asObject(auths[key]) !== undefined);
  const key = exact ?? Object.keys(auths).find((name) => isSchemeKeyOf(name, authHost));
  const entry = key === undefined ? undefined : asObject(auths[key]);
  return entry === undefined ? undefined : readEntry(entry, key ?? "", path);
}

/** The helper in charge of a registry, and the name that it knows the registry by. */
export function helperOf(
  file: Json,
  authHost: string,
): { readonly name: string; readonly server: string } | undefined {
  const helpers = asObject(file["credHelpers"]);
  const keys = keysOf(authHost);
  const own = keys.find((key) => (asText(helpers?.[key]) ?? "") !== "");
  const name = (own === undefined ? asText(file["credsStore"]) : asText(helpers?.[own])) ?? "";
  return name === "" ? undefined : { name, server: own ?? keyOf(authHost) };
}

/** The key under which a login is written: Docker's. */
export function keyOf(authHost: string): string {
  return keysOf(authHost)[0] ?? authHost;
}

/** Every key of an auth file that is an entry for the whole registry, in any spelling. */
export function entriesOf(auths: Json, authHost: string): readonly string[] {
  const keys = keysOf(authHost);
  return Object.keys(auths).filter((key) => keys.includes(key) || isSchemeKeyOf(key, authHost));
}

function keysOf(authHost: string): readonly string[] {
  return authHost === DOCKER_IO ? DOCKER_IO_KEYS : [authHost];
}

/** `https://registry.example.com/v1/`, as old versions of Docker wrote it. */
function isSchemeKeyOf(key: string, authHost: string): boolean {
  const url = /^https?:\/\//.test(key) ? URL.parse(key) : null;
  return url !== null && url.host === authHost;
}

function readEntry(entry: Json, key: string, path: string): Credentials | undefined {
  const identity = asText(entry["identitytoken"]) ?? "";
  if (identity !== "") return { type: "identity-token", token: identity };
  const bearer = asText(entry["registrytoken"]) ?? "";
  if (bearer !== "") return { type: "bearer", token: bearer };
  const auth = asText(entry["auth"]) ?? "";
  if (auth === "") return readPlainEntry(entry);
  const decoded = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon < 1) {
    throw new BuildError(
      "registry/bad-config",
      `the auth file ${path} has something else than user:password for ${key}`,
      {
        hint: 'Its "auth" must be the base64 form of user:password.',
      },
    );
  }
  return { type: "basic", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function readPlainEntry(entry: Json): Credentials | undefined {
  const username = asText(entry["username"]) ?? "";
  const password = asText(entry["password"]) ?? "";
  return username === "" ? undefined : { type: "basic", username, password };
}
