import { getCACertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { type Environment, proxyOf } from "./proxy.ts";

/** What certs.d and the lists of insecure registries say about a host. */
export interface TlsSettings {
  /** PEM certificates trusted besides those of node and of the system. */
  readonly ca: readonly string[];
  /** Client certificate and key, PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** False: any certificate will do (a registry listed as insecure). */
  readonly verify: boolean;
}

export interface DispatcherOptions {
  readonly env: Environment;
  /** `host` with its port as in a URL. */
  readonly tlsOf: (host: string) => TlsSettings;
  readonly connectTimeoutMs: number;
  /** How long a body may stand still. */
  readonly stallTimeoutMs: number;
}

export interface Dispatchers extends AsyncDisposable {
  /** The connection pool for a URL: one for each way of connecting (TLS settings, proxy), kept until disposed. */
  dispatcherFor(url: URL): Promise<Dispatcher>;
}

export function openDispatchers(options: DispatcherOptions): Dispatchers {
  const pools = new Map<string, Promise<Dispatcher>>();
  return {
    dispatcherFor(url) {
      const proxy = proxyOf(url, options.env);
      const tls = url.protocol === "https:" ? options.tlsOf(url.host) : undefined;
      const key = JSON.stringify([proxy?.href, tls]);
      const pool = pools.get(key) ?? createPool(options, tls, proxy);
      pools.set(key, pool);
      return pool;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...pools.values()].map(async (pool) => (await pool).destroy()));
    },
  };
}

async function createPool(
  options: DispatcherOptions,
  tls: TlsSettings | undefined,
  proxy: URL | undefined,
): Promise<Dispatcher> {
  // Loading undici costs as much as a whole cached build: only a build that talks to a registry pays.
  // Its default export: a bundled CommonJS package has no other.
  const { Agent, ProxyAgent } = (await import("undici")).default;
  const connect = { timeout: options.connectTimeoutMs, ...(tls === undefined ? {} : connectOptions(tls)) };
  const common = {
    bodyTimeout: options.stallTimeoutMs,
    headersTimeout: options.stallTimeoutMs,
    pipelining: 1,
  };
  return proxy === undefined
    ? new Agent({ ...common, connect })
    : new ProxyAgent({
        ...common,
        uri: proxy.href,
        // Many proxies allow CONNECT to port 443 only; plain http is forwarded, as curl and Go do it.
        proxyTunnel: false,
        requestTls: connect,
        proxyTls: { timeout: options.connectTimeoutMs },
      });
}

function connectOptions(tls: TlsSettings) {
  return {
    rejectUnauthorized: tls.verify,
    // As Docker does: certs.d adds to what the system trusts. Node alone would look at its built-in list only.
    ...(tls.verify ? { ca: [...new Set([...systemCertificates(), ...tls.ca])] } : {}),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

function systemCertificates(): readonly string[] {
  return [...getCACertificates("default"), ...getCACertificates("system")];
}
