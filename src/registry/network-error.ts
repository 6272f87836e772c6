import { BuildError } from "../core/errors.ts";
import { isLoopback } from "./ip-range.ts";
import { codeOf, isTlsFailure } from "./retry.ts";

const WORDS: Readonly<Record<string, string>> = {
  EAI_AGAIN: "its name could not be looked up",
  ENOTFOUND: "there is no host of that name",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "it closed the connection",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no network",
  EPIPE: "it closed the connection",
  ETIMEDOUT: "it did not answer in time",
  UND_ERR_BODY_TIMEOUT: "the transfer stood still",
  UND_ERR_CONNECT_TIMEOUT: "it did not answer in time",
  UND_ERR_HEADERS_TIMEOUT: "it took the request and did not answer in time",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "it sent less than it announced",
  UND_ERR_SOCKET: "it closed the connection",
};

/** A connection that failed for good, in plain words: `registry/unreachable` or `registry/tls`. */
export function networkError(error: unknown, url: URL): BuildError {
  const code = codeOf(error);
  if (isTlsFailure(error)) return tlsError(error, url);
  const why = WORDS[code] ?? (error instanceof Error ? error.message : String(error));
  return new BuildError("registry/unreachable", `cannot reach ${url.host}: ${why}`, {
    hint: hintFor(code, url),
    cause: error,
  });
}

function hintFor(code: string, url: URL): string {
  if (isLoopback(url.host)) return `Is a registry running on ${url.host}?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return "Check the spelling and the network; behind a proxy, set HTTPS_PROXY. Without a network: tsbuild load, or tsbuild base create.";
  }
  return "Check the network; behind a proxy, set HTTPS_PROXY. Without a network: tsbuild load, or tsbuild base create.";
}

function tlsError(error: unknown, url: URL): BuildError {
  const why = error instanceof Error ? error.message : String(error);
  return new BuildError("registry/tls", `no secure connection to ${url.host}: ${why}`, {
    hint: `Put the registry's CA certificate into /etc/docker/certs.d/${url.host}/ca.crt, or list the host under insecure-registries if you trust the network.`,
    cause: error,
  });
}
