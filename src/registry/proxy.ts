import { BuildError } from "../core/errors.ts";
import { hostnameOf, isInRange, isLoopback } from "./ip-range.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL, by the rules that Docker's tools follow (golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY
 * by scheme, either case, never for loopback, not for what NO_PROXY lists (names with their subdomains, `.suffix`, `host:port`, addresses,
 * CIDR ranges, `*`).
 */
export function proxyOf(url: URL, env: Environment): URL | undefined {
  if (isLoopback(url.host)) return undefined;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = read(env, name);
  if (value === "" || isExempt(url, read(env, "NO_PROXY"))) return undefined;
  const parsed = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (parsed === null || !["http:", "https:", "socks5:"].includes(parsed.protocol)) {
    throw new BuildError("registry/unreachable", `${name} is set to something that is no proxy address`, {
      hint: `It should look like http://proxy.example.com:3128.`,
    });
  }
  return parsed;
}

function read(env: Environment, name: string): string {
  return (env[name] ?? env[name.toLowerCase()] ?? "").trim();
}

function isExempt(url: URL, list: string): boolean {
  const host = hostnameOf(url.host);
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && exempts(entry, host, port));
}

function exempts(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInRange(host, entry);
  const withPort = /^(.*[^:]|\[.*\]):(\d+)$/.exec(entry);
  if (withPort !== null && withPort[2] !== port) return false;
  const name = hostnameOf(withPort?.[1] ?? entry).replace(/^\*/, "");
  if (name.startsWith(".")) return host.endsWith(name);
  return host === name || host.endsWith(`.${name}`);
}
