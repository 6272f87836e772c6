import { BlockList, isIP } from "node:net";

/** `example.com:5000`, `[::1]:5000` → the name or address without port and brackets. */
export function hostnameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return (bracketed?.[1] ?? host.replace(/:\d+$/, "")).toLowerCase();
}

/** This machine itself: such registries are asked over plain http. */
export function isLoopback(host: string): boolean {
  const name = hostnameOf(host);
  return (
    name === "localhost" || name.endsWith(".localhost") || isInRange(name, "127.0.0.0/8") || name === "::1"
  );
}

/** Whether an address lies in `10.0.0.0/8` or the like. Names are not looked up: they are in no range. */
export function isInRange(address: string, range: string): boolean {
  const [network = "", bits = ""] = range.split("/");
  const version = isIP(network);
  if (version === 0 || isIP(address) !== version || !/^\d{1,3}$/.test(bits)) return false;
  const prefix = Number(bits);
  if (prefix > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list.check(address, family);
}
