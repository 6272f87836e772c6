import { type Challenge, chooseChallenge } from "./challenge.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { basicHeader, fetchToken, scopesOf, type Token, tokenRequest } from "./token-server.ts";
import type { HttpResponse, Transport } from "./transport.ts";

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
      const challenge = chooseChallenge(response.headers("www-authenticate"));
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
