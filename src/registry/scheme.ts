import { BuildError, isBuildError } from "../core/errors.ts";
import type { Endpoint, Scheme } from "./endpoint.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";
import { type Transport, throwIfCanceled } from "./transport.ts";

/** Which of an endpoint's schemes it speaks: asked once a host, and only where there is a choice. */
export interface SchemeFinder {
  /** `http://localhost:5000`. */
  originOf(endpoint: Endpoint, signal: AbortSignal | undefined): Promise<string>;
}

export function createSchemeFinder(transport: Transport, retry: RetryPolicy): SchemeFinder {
  const found = new Map<string, Promise<Scheme>>();
  return {
    async originOf(endpoint, signal) {
      const [only, ...others] = endpoint.schemes;
      if (only !== undefined && others.length === 0) return `${only}://${endpoint.host}`;
      const scheme = found.get(endpoint.host) ?? findScheme(transport, retry, endpoint, signal);
      found.set(endpoint.host, scheme);
      scheme.catch(() => found.delete(endpoint.host));
      return `${await scheme}://${endpoint.host}`;
    },
  };
}

/** In rounds: a registry that is just starting is waited for. */
async function findScheme(
  transport: Transport,
  retry: RetryPolicy,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<Scheme> {
  for (let round = 1; ; round++) {
    const answer = await askEach(transport, endpoint, signal);
    if (typeof answer === "string") return answer;
    if (round >= retry.attempts) throw answer;
    await retry.delay(backoffMs(retry, round), signal).catch(() => throwIfCanceled(signal));
  }
}

/** The first scheme that is understood. Else what went wrong with the likely one, or the certificate if it is that. */
async function askEach(
  transport: Transport,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<Scheme | BuildError> {
  let failure: BuildError | undefined;
  for (const scheme of endpoint.schemes) {
    try {
      const url = new URL(`${scheme}://${endpoint.host}/v2/`);
      const response = await transport.send({ method: "GET", url, signal, attempts: 1 });
      await response.discard();
      // A server that speaks TLS answers a plain request with 400.
      if (scheme === "https" || response.status !== 400) return scheme;
    } catch (error) {
      throwIfCanceled(signal);
      // An answer that will not do is an answer all the same.
      if (!isBuildError(error) || error.code === "registry/bad-response") throw error;
      if (failure === undefined || error.code === "registry/tls") failure = error;
    }
  }
  return failure ?? new BuildError("registry/bad-response", `${endpoint.host} is no registry`);
}
