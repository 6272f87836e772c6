import { setTimeout as sleep } from "node:timers/promises";

/** Waiting between attempts; tests give their own and look at what they were asked for. */
export interface RetryPolicy {
  /** How often in all. */
  readonly attempts: number;
  /** Rejects when the signal fires. */
  readonly delay: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** In [0, 1): spreads the attempts of many clients. */
  readonly random: () => number;
}

const BASE_DELAY_MS = 250;
const MAX_DELAY_MS = 8_000;
/** A registry that asks for more is not waited for: the person is told instead. */
const MAX_RETRY_AFTER_MS = 60_000;

const BUSY_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

const BROKEN_CODES: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "HPE_INVALID_EOF_STATE",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_SOCKET",
]);

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 4,
  delay: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
  random: Math.random,
};

/** Milliseconds before attempt `failures + 1`: doubling, the upper half of it by chance. */
export function backoffMs(policy: RetryPolicy, failures: number): number {
  const full = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (failures - 1));
  return Math.round(full / 2 + (full / 2) * policy.random());
}

/**
 * How long to wait before asking again after such a response; undefined where asking again is no use: a final status, a
 * quota that is spent (`ratelimit-remaining: 0`, as Docker Hub sends it), or a wait that is too long.
 */
export function busyDelayMs(
  status: number,
  header: (name: string) => string | undefined,
  backoff: number,
): number | undefined {
  if (!BUSY_STATUSES.has(status)) return undefined;
  const asked = retryAfterMs(header("retry-after"), Date.now());
  if (asked !== undefined) return asked <= MAX_RETRY_AFTER_MS ? Math.max(asked, 0) : undefined;
  if (status === 429 && /^0(?:;|$)/.test(header("ratelimit-remaining") ?? "")) return undefined;
  return backoff;
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value.trim()) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - nowMs;
}

/** A connection that broke, or was never made, in a way that a second attempt may mend. */
export function isBrokenConnection(error: unknown): boolean {
  return BROKEN_CODES.has(codeOf(error));
}

/** The certificate or the handshake: trying again gives the same. */
export function isTlsFailure(error: unknown): boolean {
  return /^(?:ERR_SSL_|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/.test(
    codeOf(error),
  );
}

/** `code` of an error or of what caused it; empty where there is none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}
