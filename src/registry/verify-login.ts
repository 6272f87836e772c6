import { BuildError } from "../core/errors.ts";
import { type Challenge, chooseChallenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { basicHeader, fetchToken, tokenRequest } from "./token-server.ts";
import type { HttpResponse, Transport } from "./transport.ts";

type Secret = Extract<Credentials, { readonly type: "basic" | "identity-token" }>;

export interface LoginTarget {
  /** `https://registry-1.docker.io`. */
  readonly origin: string;
  /** The name under which the login is kept: `docker.io`. */
  readonly authHost: string;
  readonly transport: Transport;
  readonly allowsPlain: (host: string) => boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks the registry whether it takes these credentials, as `docker login` does: GET /v2/ with the header that its challenge
 * calls for. The answer is what to keep: an identity token instead of the password, where the token server gives one. Wrong
 * credentials are `registry/unauthorized`.
 */
export async function verifyLogin(credentials: Secret, target: LoginTarget): Promise<Secret> {
  const first = await ask(target, undefined);
  if (first.status === 200) return credentials;
  const challenge = first.status === 401 ? chooseChallenge(first.headers("www-authenticate")) : undefined;
  // A challenge from behind a redirect is not the registry's own: what it names gets no password.
  if (challenge === undefined || first.url.origin !== target.origin) throw noRegistry(target, first);
  const { header, keep } = await answerTo(challenge, credentials, target);
  const second = await ask(target, header);
  if (second.status === 200) return keep;
  if (second.status === 401 || second.status === 403) throw refused(target);
  throw noRegistry(target, second);
}

async function ask(
  { origin, transport, signal }: LoginTarget,
  header: string | undefined,
): Promise<HttpResponse> {
  const headers = header === undefined ? {} : { authorization: header };
  const response = await transport.send({ method: "GET", url: new URL(`${origin}/v2/`), headers, signal });
  await response.discard();
  return response;
}

async function answerTo(
  challenge: Challenge,
  credentials: Secret,
  target: LoginTarget,
): Promise<{ readonly header: string; readonly keep: Secret }> {
  if (challenge.scheme === "basic") {
    if (credentials.type !== "basic") throw refused(target);
    return { header: basicHeader(credentials), keep: credentials };
  }
  const { origin, authHost, allowsPlain, transport, signal } = target;
  const asked = { origin, authHost, repository: "", scopes: [] };
  const request = tokenRequest(asked, challenge, credentials, allowsPlain);
  if (credentials.type === "basic") request.url.searchParams.set("offline_token", "true");
  const token = await fetchToken(transport, { ...request, signal }, target).catch((error: unknown) => {
    const isRefusal = error instanceof BuildError && error.code === "registry/unauthorized";
    throw isRefusal ? refused(target) : error;
  });
  const { refreshToken } = token;
  const keep: Secret =
    refreshToken === undefined ? credentials : { type: "identity-token", token: refreshToken };
  return { header: token.header, keep };
}

function refused({ authHost }: LoginTarget): BuildError {
  return new BuildError("registry/unauthorized", `${authHost} does not accept this user name and password`, {
    hint: "Nothing was kept. Check both; many registries want an access token in place of the password.",
  });
}

function noRegistry({ authHost }: LoginTarget, response: HttpResponse): BuildError {
  return new BuildError(
    "registry/bad-response",
    `${authHost} answered ${response.status} to a login; a registry answers 200 or asks for credentials`,
    { hint: "Check the name: it is host[:port], without a path." },
  );
}
