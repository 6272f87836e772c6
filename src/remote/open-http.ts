import { homedir } from "node:os";
import { readRegistryConfig, readTlsSettings } from "../registry/config-files.ts";
import { isInsecure } from "../registry/endpoint.ts";
import { isLoopback } from "../registry/ip-range.ts";
import type { Environment } from "../registry/proxy.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../registry/retry.ts";
import { openTransport, type Transport } from "../registry/transport.ts";

export interface HttpOptions {
  /** Of tsbuild, for User-Agent. */
  readonly version: string;
  readonly env: Environment;
  readonly retry?: RetryPolicy | undefined;
  /** Retries, for `note` events. */
  readonly onNote: (text: string) => void;
}

const CONNECT_TIMEOUT_MS = 15_000;
const STALL_TIMEOUT_MS = 60_000;

/** Connections with this machine's proxies and certificates: the same as for registries. */
export function openHttp({ version, env, retry = DEFAULT_RETRY, onNote }: HttpOptions): Transport {
  const config = readRegistryConfig({ env, home: homedir(), etc: "/etc" });
  return openTransport({
    env,
    retry,
    onRetry: onNote,
    userAgent: `tsbuild/${version}`,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    allowsPlain: (host) => isLoopback(host) || isInsecure(host, config),
    tlsOf: (host) => readTlsSettings(config.certsDirs, host, !isInsecure(host, config)),
  });
}
