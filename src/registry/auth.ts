import { BuildError } from "../core/errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { isLoopback } from "./ip-range.ts";
import { asText, parseJsonObject } from "./json.ts";
import { readWhole } from "./read-whole.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** Whom a request is for. */
export interface AuthTarget {
  /** `https://registry-1.docker.io`: where requests go, and the only place that gets the header. */
  readonly origin: string;
  /** The name under which credentials are kept: `docker.io`. */
  readonly authHost: string;
  readonly repository: string;
  /** `repository:library/busybox:pull`. */
  readonly scopes: readonly string[];
}

/** What requests to registries are signed with. Tokens are kept for as long as their server says. */
export interface Authority {
  /** The Authorization header; undefined where that registry has not asked for one yet, or nothing is known for it. */
  headerFor(target: AuthTarget, signal: AbortSignal | undefined): Promise<string | undefined>;
  /** Notes what a 401 of the registry itself asked for, and forgets the token that it refused. True: asking again may help. */
  learn(target: AuthTarget, response: HttpResponse, sent: string | undefined): Promise<boolean>;
  /** Whether anything is kept for this registry. */
  hasCredentials(target: AuthTarget): Promise<boolean>;
}

export interface AuthorityOptions {
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly allowsPlain: (host: string) => boolean;
}

interface Token {
  readonly header: string;
  /** Milliseconds since 1970. */
  readonly goodUntilMs: number;
}

const CLIENT_ID = "tsbuild";
const MAX_TOKEN_BYTES = 1024 * 1024;
/** Tokens that name no life live this long (Docker registry token specification); a margin for slow clocks is taken off. */
const DEFAULT_LIFE_S = 60;
const MARGIN_S = 10;

export function createAuthority(options: AuthorityOptions): Authority {
  const challenges = new Map<string, Challenge>();
  const tokens = new Map<string, Promise<Token>>();
  const found = new Map<string, Promise<Credentials>>();

  function credentialsFor(target: AuthTarget): Promise<Credentials> {
    const key = `${target.authHost}/${target.repository}`;
    const credentials = found.get(key) ?? options.credentials.find(target.authHost, target.repository);
    found.set(key, credentials);
    return credentials;
  }

  async function bearer(
    target: AuthTarget,
    challenge: Challenge,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const credentials = await credentialsFor(target);
    if (credentials.type === "bearer") return `Bearer ${credentials.token}`;
    const key = tokenKey(target, challenge);
    const known = await tokens.get(key);
    if (known !== undefined && known.goodUntilMs > Date.now()) return known.header;
    const request = tokenRequest(target, challenge, credentials, options.allowsPlain);
    const token = fetchToken(options.transport, { ...request, signal }, target);
    tokens.set(key, token);
    // A failure must not stay: the next request asks again.
    token.catch(() => tokens.delete(key));
    return (await token).header;
  }

  return {
    async headerFor(target, signal) {
      const challenge = challenges.get(challengeKey(target));
      if (challenge === undefined) return undefined;
      if (challenge.scheme === "bearer") return bearer(target, challenge, signal);
      const credentials = await credentialsFor(target);
      return credentials.type === "basic" ? basicHeader(credentials) : undefined;
    },
    async learn(target, response, sent) {
      const offered = parseChallenges(response.headers("www-authenticate"));
      const challenge =
        offered.find(({ scheme }) => scheme === "bearer") ?? offered.find(({ scheme }) => scheme === "basic");
      if (challenge === undefined) return false;
      const before = challenges.get(challengeKey(target));
      challenges.set(challengeKey(target), challenge);
      const key = tokenKey(target, challenge);
      // Another request may have brought a new token meanwhile: only the refused one goes.
      if ((await tokens.get(key))?.header === sent) tokens.delete(key);
      // A Basic header that was refused once will be refused again; a token may have run out, or may lack a scope.
      return sent === undefined || challenge.scheme !== before?.scheme || challenge.scheme === "bearer";
    },
    async hasCredentials(target) {
      return (await credentialsFor(target)).type !== "none";
    },
  };
}

function basicHeader(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64")}`;
}

/** By scopes too: what a challenge asks for is meant for one repository. */
function challengeKey(target: AuthTarget): string {
  return JSON.stringify([target.origin, target.scopes]);
}

function tokenKey(target: AuthTarget, challenge: Challenge): string {
  const { parameters } = challenge;
  return JSON.stringify([
    target.origin,
    target.authHost,
    parameters.get("realm"),
    parameters.get("service"),
    scopesOf(target, challenge),
  ]);
}

/** What we need, and what the registry says on top of it that the request needs: one scope a resource. */
function scopesOf(target: AuthTarget, challenge: Challenge): readonly string[] {
  const asked = (challenge.parameters.get("scope") ?? "").split(" ");
  const actions = new Map<string, Set<string>>();
  for (const scope of [...target.scopes, ...asked]) {
    const colon = scope.lastIndexOf(":");
    if (colon < 0) continue;
    const resource = scope.slice(0, colon);
    const wanted = scope.slice(colon + 1).split(",");
    actions.set(resource, new Set([...(actions.get(resource) ?? []), ...wanted]));
  }
  return [...actions].map(([resource, wanted]) => `${resource}:${[...wanted].join(",")}`).toSorted();
}

function tokenRequest(
  target: AuthTarget,
  challenge: Challenge,
  credentials: Credentials,
  allowsPlain: (host: string) => boolean,
): HttpRequest {
  const realm = requireRealm(target, challenge, allowsPlain);
  const service = challenge.parameters.get("service");
  const scopes = scopesOf(target, challenge);
  if (credentials.type === "identity-token") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: CLIENT_ID,
      refresh_token: credentials.token,
      service: service ?? "",
      scope: scopes.join(" "),
    }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: () => form };
  }
  if (service !== undefined) realm.searchParams.set("service", service);
  for (const scope of scopes) realm.searchParams.append("scope", scope);
  if (credentials.type !== "basic") return { method: "GET", url: realm };
  realm.searchParams.set("account", credentials.username);
  return { method: "GET", url: realm, headers: { authorization: basicHeader(credentials) } };
}

/**
 * The token server, which gets the credentials: the registry names it, so it is trusted as far as the registry itself was
 * (its certificate was checked); a registry asked over https may not send them over plain http.
 */
function requireRealm(target: AuthTarget, challenge: Challenge, allowsPlain: (host: string) => boolean): URL {
  const realm = URL.parse(challenge.parameters.get("realm") ?? "");
  if (realm === null || !["http:", "https:"].includes(realm.protocol)) {
    throw new BuildError(
      "registry/bad-response",
      `${target.authHost} asks for a token and names no server that gives one`,
    );
  }
  const isPlainFine =
    new URL(target.origin).protocol === "http:" && (isLoopback(realm.host) || allowsPlain(realm.host));
  if (realm.protocol === "http:" && !isPlainFine) {
    throw new BuildError(
      "registry/bad-response",
      `${target.authHost} names a token server without https (${realm.host})`,
      {
        hint: "Credentials are not sent there. Ask who runs the registry.",
      },
    );
  }
  return realm;
}

async function fetchToken(transport: Transport, request: HttpRequest, target: AuthTarget): Promise<Token> {
  const response = await transport.send(request);
  if (response.status !== 200) {
    await response.discard();
    const code =
      response.status === 401 || response.status === 403 ? "registry/unauthorized" : "registry/bad-response";
    throw new BuildError(
      code,
      `the token server ${request.url.host} of ${target.authHost} answered ${response.status}`,
    );
  }
  const json = parseJsonObject((await readWhole(response, MAX_TOKEN_BYTES)).toString("utf8"));
  const token = asText(json?.["token"]) ?? asText(json?.["access_token"]) ?? "";
  // A token becomes part of a header line: nothing may be in it that could begin another one.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new BuildError("registry/bad-response", `the token server ${request.url.host} sent no token`);
  }
  const life = json?.["expires_in"];
  const lifeS = typeof life === "number" && life > 0 ? life : DEFAULT_LIFE_S;
  return { header: `Bearer ${token}`, goodUntilMs: Date.now() + Math.max(lifeS - MARGIN_S, 1) * 1000 };
}
