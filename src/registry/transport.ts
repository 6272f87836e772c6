import { Readable } from "node:stream";
import { BuildError } from "../core/errors.ts";
import { type DispatcherOptions, openDispatchers } from "./dispatchers.ts";
import { isLoopback } from "./ip-range.ts";
import { networkError } from "./network-error.ts";
import { paced } from "./paced.ts";
import { backoffMs, busyDelayMs, isBrokenConnection, type RetryPolicy } from "./retry.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called anew for every attempt. */
  readonly body?: (() => string | Uint8Array | AsyncIterable<Uint8Array>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Fewer than the policy's: a caller that resumes by itself asks for one. */
  readonly attempts?: number | undefined;
  /** For answers that take their time: a registry that stores a whole blob first. */
  readonly headersTimeoutMs?: number | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Where it came from, after redirects. */
  readonly url: URL;
  header(name: string): string | undefined;
  /** Every header line of that name. */
  headers(name: string): readonly string[];
  /** To be read to its end, or discarded. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

export interface TransportOptions extends DispatcherOptions {
  readonly retry: RetryPolicy;
  readonly userAgent: string;
  /** Whether plain http is acceptable there, as the target of a redirect from https. */
  readonly allowsPlain: (host: string) => boolean;
  readonly onRetry?: ((why: string) => void) | undefined;
}

/**
 * HTTP with patience: attempts again after broken connections and busy answers, follows redirects. An Authorization header
 * goes to the origin it was made for and nowhere else. Statuses are the caller's business; connections that fail for good
 * throw `registry/unreachable` or `registry/tls`.
 */
export interface Transport extends AsyncDisposable {
  send(request: HttpRequest): Promise<HttpResponse>;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Bodies of answers nobody needs are read up to here to keep the connection, else it is closed. */
const DISCARD_BYTES = 64 * 1024;

export function openTransport(options: TransportOptions): Transport {
  const dispatchers = openDispatchers(options);

  async function once(request: HttpRequest): Promise<HttpResponse> {
    const { request: dispatch } = (await import("undici")).default;
    const body = request.body?.();
    const response = await dispatch(request.url, {
      dispatcher: await dispatchers.dispatcherFor(request.url),
      method: request.method,
      // Blobs are named by the digest of their bytes: nobody may compress them on the way.
      headers: { "user-agent": options.userAgent, "accept-encoding": "identity", ...request.headers },
      body: body === undefined ? null : toBody(body),
      signal: request.signal ?? null,
      ...(request.headersTimeoutMs === undefined ? {} : { headersTimeout: request.headersTimeoutMs }),
    });
    const headers = (name: string) => [response.headers[name] ?? []].flat();
    return {
      status: response.statusCode,
      url: request.url,
      header: (name) => headers(name)[0],
      headers,
      body: paced(response.body, options.stallTimeoutMs),
      discard: async () => {
        await response.body.dump({ limit: DISCARD_BYTES }).catch(() => undefined);
      },
    };
  }

  async function follow(request: HttpRequest): Promise<HttpResponse> {
    let current = request;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await once(current);
      const location = redirectTarget(current, response);
      if (location === undefined) return response;
      await response.discard();
      current = redirected(current, location, options.allowsPlain);
    }
    throw new BuildError("registry/bad-response", `${request.url.host} redirects in circles`);
  }

  return {
    async send(request) {
      const attempts = Math.min(request.attempts ?? Number.POSITIVE_INFINITY, options.retry.attempts);
      for (let attempt = 1; ; attempt++) {
        throwIfCanceled(request.signal);
        const result = await follow(request).catch((error: unknown) =>
          rethrowFinal(error, request, attempt < attempts),
        );
        const waitMs = waitBefore(result, backoffMs(options.retry, attempt));
        if (!(result instanceof Error) && (attempt >= attempts || waitMs === undefined)) return result;
        options.onRetry?.(
          `${request.url.host}: ${result instanceof Error ? result.message : `status ${result.status}`}`,
        );
        if (!(result instanceof Error)) await result.discard();
        await options.retry.delay(waitMs ?? 0, request.signal).catch(() => throwIfCanceled(request.signal));
      }
    },
    [Symbol.asyncDispose]: () => dispatchers[Symbol.asyncDispose](),
  };
}

export function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw signal.reason instanceof BuildError
    ? signal.reason
    : new BuildError("cli/canceled", "canceled", { cause: signal.reason });
}

function waitBefore(result: HttpResponse | Error, backoff: number): number | undefined {
  return result instanceof Error
    ? backoff
    : busyDelayMs(result.status, (name) => result.header(name), backoff);
}

function rethrowFinal(error: unknown, request: HttpRequest, mayRetry: boolean): Error {
  throwIfCanceled(request.signal);
  if (error instanceof BuildError) throw error;
  if (mayRetry && isBrokenConnection(error) && error instanceof Error) return error;
  throw networkError(error, request.url);
}

function toBody(body: string | Uint8Array | AsyncIterable<Uint8Array>): string | Uint8Array | Readable {
  return typeof body === "string" || body instanceof Uint8Array
    ? body
    : Readable.from(body, { objectMode: false });
}

function redirectTarget(request: HttpRequest, response: HttpResponse): URL | undefined {
  if (!REDIRECTS.has(response.status)) return undefined;
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (!isRead && response.status !== 307 && response.status !== 308) return undefined;
  const location = response.header("location");
  const target = location === undefined ? null : URL.parse(location, request.url.href);
  if (target === null || !["http:", "https:"].includes(target.protocol)) {
    throw new BuildError(
      "registry/bad-response",
      `${request.url.host} redirects to nowhere (status ${response.status})`,
    );
  }
  return target;
}

function redirected(request: HttpRequest, url: URL, allowsPlain: (host: string) => boolean): HttpRequest {
  const isPlainAllowed = isLoopback(url.host) || allowsPlain(url.host);
  if (request.url.protocol === "https:" && url.protocol === "http:" && !isPlainAllowed) {
    throw new BuildError(
      "registry/bad-response",
      `${request.url.host} redirects from https to plain http (${url.host})`,
      {
        hint: "Ask who runs the registry; or list the host as insecure if you trust the network.",
      },
    );
  }
  if (url.origin === request.url.origin) return { ...request, url };
  const { authorization: _, ...headers } = request.headers ?? {};
  return { ...request, url, headers };
}
