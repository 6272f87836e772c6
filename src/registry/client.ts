import { homedir } from "node:os";
import type { Reference } from "../core/reference.ts";
import { type AuthTarget, createAuthority } from "./auth.ts";
import { type RegistryConfig, readRegistryConfig, readTlsSettings } from "./config-files.ts";
import { type Credentials, openCredentialSource } from "./credentials.ts";
import {
  type Endpoint,
  hostEndpoint,
  isInsecure,
  isVerified,
  pullEndpoints,
  pushEndpoint,
} from "./endpoint.ts";
import { isLoopback } from "./ip-range.ts";
import { networkError } from "./network-error.ts";
import type { Environment } from "./proxy.ts";
import { readWhole } from "./read-whole.ts";
import { responseError } from "./response-error.ts";
import { backoffMs, DEFAULT_RETRY, isBrokenConnection, type RetryPolicy } from "./retry.ts";
import { createSchemeFinder } from "./scheme.ts";
import { type HttpRequest, type HttpResponse, openTransport, throwIfCanceled } from "./transport.ts";
import { verifyLogin } from "./verify-login.ts";

export interface RegistryOptions {
  /** Of tsbuild, for User-Agent. */
  readonly version: string;
  readonly env: Environment;
  /** The user's home directory; the system's answer by default. */
  readonly home?: string | undefined;
  /** --authfile. */
  readonly authFile?: string | undefined;
  /** Read from this machine's files by default. */
  readonly config?: RegistryConfig | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer or a body may stand still. */
  readonly stallTimeoutMs?: number | undefined;
  /** Retries and mirrors that fail, for `note` events. */
  readonly onNote?: ((text: string) => void) | undefined;
}

export interface RegistryRequest {
  readonly method: HttpRequest["method"];
  /** Below `/v2/<repository>/`, or where an upload goes on (a Location of the same registry). */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpRequest["body"];
  /** Statuses that are answers; any other throws what responseError makes of it. */
  readonly expect: readonly number[];
  /** For messages: what is asked for, as people name it. */
  readonly subject: string;
  readonly access?: "pull" | "pull,push" | "catalog" | undefined;
  /** Another repository of the same registry that must be readable too (cross-repository mount). */
  readonly alsoPull?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly attempts?: number | undefined;
  readonly headersTimeoutMs?: number | undefined;
}

export interface ResponseWithBody {
  readonly response: HttpResponse;
  readonly body: Buffer;
}

/** Registries, with what this person and this machine know about them. One for a command; closes its connections when disposed. */
export interface RegistryClient extends AsyncDisposable {
  readonly retry: RetryPolicy;
  pullEndpoints(reference: Reference): readonly Endpoint[];
  pushEndpoint(reference: Reference): Endpoint;
  /** A registry as a whole: its list of repositories. */
  hostEndpoint(authHost: string): Endpoint;
  /** An answer with one of the expected statuses; the caller reads its body or discards it. */
  send(endpoint: Endpoint, request: RegistryRequest): Promise<HttpResponse>;
  /** An answer with its whole body, asked for again where the connection breaks halfway. */
  sendForBody(endpoint: Endpoint, request: RegistryRequest, maxBytes: number): Promise<ResponseWithBody>;
  /** Without any credentials: addresses that a manifest names, not the registry. */
  sendAnonymously(request: HttpRequest): Promise<HttpResponse>;
  /** What is kept for a registry, by its `authHost`. */
  findCredentials(authHost: string): Promise<Credentials>;
  /** Asks a registry whether it takes credentials; see verifyLogin. */
  verifyLogin(authHost: string, secret: LoginSecret, signal: AbortSignal | undefined): Promise<LoginSecret>;
  note(text: string): void;
}

export type LoginSecret = Parameters<typeof verifyLogin>[0];

const CONNECT_TIMEOUT_MS = 15_000;
const STALL_TIMEOUT_MS = 60_000;

export function openRegistryClient(options: RegistryOptions): RegistryClient {
  const home = options.home ?? homedir();
  const config = options.config ?? readRegistryConfig({ env: options.env, home, etc: "/etc" });
  const retry = options.retry ?? DEFAULT_RETRY;
  const note = options.onNote ?? (() => undefined);
  const allowsPlain = (host: string) => isLoopback(host) || isInsecure(host, config);
  const credentials = openCredentialSource({ env: options.env, home, authFile: options.authFile });
  const transport = openTransport({
    env: options.env,
    retry,
    allowsPlain,
    onRetry: note,
    userAgent: `tsbuild/${options.version}`,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    stallTimeoutMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    tlsOf: (host) => readTlsSettings(config.certsDirs, host, isVerified(host, config)),
  });
  const authority = createAuthority({ transport, credentials, allowsPlain });
  const schemes = createSchemeFinder(transport, retry);

  async function send(endpoint: Endpoint, request: RegistryRequest): Promise<HttpResponse> {
    const base = await schemes.originOf(endpoint, request.signal);
    const target = targetOf(endpoint, request, base);
    const http = toHttp(endpoint, request, base);
    // Only the registry itself sees the header: uploads may go on elsewhere, with an address that is signed already.
    const isOwn = http.url.origin === new URL(base).origin;
    for (let asked = 1; ; asked++) {
      const sent = isOwn ? await authority.headerFor(target, request.signal) : undefined;
      const headers = sent === undefined ? http.headers : { ...http.headers, authorization: sent };
      const response = await transport.send({ ...http, ...(headers === undefined ? {} : { headers }) });
      if (request.expect.includes(response.status)) return response;
      const mayLearn =
        response.status === 401 && isOwn && response.url.origin === http.url.origin && asked === 1;
      if (!mayLearn || !(await authority.learn(target, response, sent))) {
        throw await responseError(response, {
          subject: request.subject,
          authHost: endpoint.authHost,
          hasCredentials: await authority.hasCredentials(target),
          authFile: credentials.path,
        });
      }
      await response.discard();
    }
  }

  return {
    retry,
    note,
    send,
    pullEndpoints: (reference) => pullEndpoints(reference, config),
    pushEndpoint: (reference) => pushEndpoint(reference, config),
    hostEndpoint: (authHost) => hostEndpoint(authHost, config),
    sendForBody: (endpoint, request, maxBytes) =>
      withWholeBody(retry, () => send(endpoint, request), { signal: request.signal, maxBytes }),
    sendAnonymously: (request) => transport.send(request),
    findCredentials: (authHost) => credentials.find(authHost, ""),
    verifyLogin: async (authHost, secret, signal) => {
      const origin = await schemes.originOf(hostEndpoint(authHost, config), signal);
      return verifyLogin(secret, { origin, authHost, transport, allowsPlain, signal });
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

async function withWholeBody(
  retry: RetryPolicy,
  send: () => Promise<HttpResponse>,
  { signal, maxBytes }: { readonly signal: AbortSignal | undefined; readonly maxBytes: number },
): Promise<ResponseWithBody> {
  for (let failures = 1; ; failures++) {
    const response = await send();
    try {
      return { response, body: await readWhole(response, maxBytes) };
    } catch (error) {
      throwIfCanceled(signal);
      if (!isBrokenConnection(error)) throw error;
      if (failures >= retry.attempts) throw networkError(error, response.url);
      await retry.delay(backoffMs(retry, failures), signal).catch(() => throwIfCanceled(signal));
    }
  }
}

function targetOf(endpoint: Endpoint, request: RegistryRequest, origin: string): AuthTarget {
  // Docker registry token specification, scopes: the catalog belongs to the registry, not to a repository.
  const scopes = [
    request.access === "catalog"
      ? "registry:catalog:*"
      : `repository:${endpoint.repository}:${request.access ?? "pull"}`,
  ];
  if (request.alsoPull !== undefined) scopes.push(`repository:${request.alsoPull}:pull`);
  return { origin, authHost: endpoint.authHost, repository: endpoint.repository, scopes };
}

function toHttp(endpoint: Endpoint, request: RegistryRequest, base: string): HttpRequest {
  const { method, path, headers, body, signal, attempts, headersTimeoutMs } = request;
  const url =
    path instanceof URL
      ? path
      : new URL(`${base}/v2/${endpoint.repository === "" ? "" : `${endpoint.repository}/`}${path}`);
  return {
    method,
    url,
    body,
    signal,
    attempts,
    headersTimeoutMs,
    ...(headers === undefined ? {} : { headers }),
  };
}
