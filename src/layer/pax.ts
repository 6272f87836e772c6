import { compareBytes } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";

/** PAX records, key to value. Values are raw bytes (latin1): xattrs are binary, names need not be UTF-8. */
export type PaxRecords = ReadonlyMap<string, string>;

export const XATTR_PREFIX = "SCHILY.xattr.";

/** Records in byte order of their keys: `"%d %s=%s\n"`, the length counting itself (POSIX.1-2017, pax, "pax Extended Header"). */
export function encodePaxRecords(records: PaxRecords): Buffer {
  const sorted = [...records].toSorted(([a], [b]) => compareBytes(a, b));
  return Buffer.from(sorted.map(([key, value]) => encodeRecord(key, value)).join(""), "latin1");
}

function encodeRecord(key: string, value: string): string {
  if (key === "" || key.includes("=")) {
    throw new BuildError("layer/bad-tar", `the name "${key}" cannot be written into a tar: it holds "="`);
  }
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  // The length's own digits may push it over a power of ten.
  if (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}

/**
 * Untrusted bytes of an extended header. Later records of a key win. Throws `layer/bad-tar`, as Go's archive/tar refuses them:
 * wrong lengths, no "=", a NUL in a name.
 */
export function decodePaxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  const sparsePairs: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { key, value, end } = decodeRecord(bytes, at);
    at = end;
    // GNU sparse 0.0 repeats two keys, a pair for each piece: they are folded into the one-record map of 0.1.
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") sparsePairs.push(value);
    else records.set(key, value);
  }
  if (sparsePairs.length > 0) records.set("GNU.sparse.map", sparsePairs.join(","));
  return records;
}

function decodeRecord(bytes: Buffer, at: number): { key: string; value: string; end: number } {
  const space = bytes.indexOf(0x20, at);
  const digits = space < 0 ? "" : bytes.toString("latin1", at, space);
  const end = at + Number(digits);
  if (!/^\d{1,9}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a) throw badRecord();
  const equals = bytes.indexOf(0x3d, space + 1);
  if (equals <= space + 1 || equals >= end - 1) throw badRecord();
  const key = bytes.toString("latin1", space + 1, equals);
  const value = bytes.toString("latin1", equals + 1, end - 1);
  const isName = key === "path" || key === "linkpath" || key === "uname" || key === "gname";
  if (key.includes("\0") || (isName && value.includes("\0"))) throw badRecord();
  return { key, value, end };
}

function badRecord(): BuildError {
  return new BuildError("layer/bad-tar", "the tar has a malformed PAX extended header");
}

/** Seconds and nanoseconds as a PAX time, shortest form: `1700000000.5`, `-0.5`. */
export function encodePaxTime(seconds: number, nanos: number): string {
  if (nanos === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = String(negative ? 1_000_000_000 - nanos : nanos)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}.${fraction}`;
}

/** `seconds[.fraction]`; digits beyond nanoseconds are cut off. Undefined where it is no time. */
export function decodePaxTime(text: string): { seconds: number; nanos: number } | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const whole = Number(match[2]);
  const nanos = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanos };
  return nanos === 0 ? { seconds: 0 - whole, nanos } : { seconds: -whole - 1, nanos: 1_000_000_000 - nanos };
}
