import { BuildError } from "../core/errors.ts";
import type { AuthTarget } from "./auth.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { isLoopback } from "./ip-range.ts";
import { asText, parseJsonObject } from "./json.ts";
import { readWhole } from "./read-whole.ts";
import type { HttpRequest, Transport } from "./transport.ts";

/** An access token, as the header that carries it. */
export interface Token {
  readonly header: string;
  /** Milliseconds since 1970. */
  readonly goodUntilMs: number;
  /** What later tokens can be had for instead of the password, where the server gives one. */
  readonly refreshToken: string | undefined;
}

const CLIENT_ID = "tsbuild";
const MAX_TOKEN_BYTES = 1024 * 1024;
/** Tokens that name no life live this long (Docker registry token specification); a margin for slow clocks is taken off. */
const DEFAULT_LIFE_S = 60;
const MARGIN_S = 10;

export function basicHeader(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64")}`;
}

/** What we need, and what the registry says on top of it that the request needs: one scope a resource. */
export function scopesOf(target: AuthTarget, challenge: Challenge): readonly string[] {
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

/** A GET with Basic credentials; for an identity token the OAuth2 POST (Docker registry token specification, OAuth). */
export function tokenRequest(
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

/** `registry/unauthorized` where the server does not know the credentials. */
export async function fetchToken(
  transport: Transport,
  request: HttpRequest,
  target: Pick<AuthTarget, "authHost">,
): Promise<Token> {
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
  const refresh = asText(json?.["refresh_token"]) ?? "";
  return {
    header: `Bearer ${token}`,
    goodUntilMs: Date.now() + Math.max(lifeS - MARGIN_S, 1) * 1000,
    refreshToken: refresh === "" ? undefined : refresh,
  };
}
