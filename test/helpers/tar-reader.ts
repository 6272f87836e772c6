import { gunzipSync, zstdDecompressSync } from "node:zlib";

/** A tar entry as it stands: what a second, independent reader sees. Names and links are raw bytes (latin1). */
export interface TarEntry {
  readonly path: string;
  /** The type flag: `0` file, `1` hard link, `2` symlink, `3` char, `4` block, `5` directory, `6` fifo. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds, with a fraction where a PAX header gives one. */
  readonly mtime: number;
  readonly link: string;
  readonly major: number;
  readonly minor: number;
  /** Name to raw value (latin1). */
  readonly xattrs: Readonly<Record<string, string>>;
  readonly content: Buffer;
}

/**
 * Every entry of a tar (ustar, PAX and GNU long names), gzip and zstd undone. Written for tests alone, so that what the
 * engine writes is read by other code than its own.
 */
export function readTar(bytes: Buffer): readonly TarEntry[] {
  const tar = uncompressed(bytes);
  const entries: TarEntry[] = [];
  let pax: Record<string, string> = {};
  for (let at = 0; at + 512 <= tar.length; ) {
    const header = tar.subarray(at, at + 512);
    if (header[0] === 0) break;
    checkSum(header, at);
    const type = text(header, 156, 1) || "0";
    const size = Number(pax["size"] ?? number(header, 124, 12));
    const content = tar.subarray(at + 512, at + 512 + size);
    if (content.length < size) throw new Error(`entry at ${at} is cut off`);
    at += 512 + Math.ceil(size / 512) * 512;
    if (type === "x") pax = { ...pax, ...paxRecords(content) };
    else if (type === "L") pax["path"] = cString(content);
    else if (type === "K") pax["linkpath"] = cString(content);
    else if (type !== "g") {
      entries.push(toEntry(header, type, content, pax));
      pax = {};
    }
  }
  return entries;
}

function toEntry(
  header: Buffer,
  type: string,
  content: Buffer,
  pax: Readonly<Record<string, string>>,
): TarEntry {
  const prefix = text(header, 257, 6).startsWith("ustar") ? text(header, 345, 155) : "";
  const name = text(header, 0, 100);
  const xattrs = Object.entries(pax).filter(([key]) => key.startsWith("SCHILY.xattr."));
  return {
    path: pax["path"] ?? (prefix === "" ? name : `${prefix}/${name}`),
    type,
    mode: number(header, 100, 8) & 0o7777,
    uid: Number(pax["uid"] ?? number(header, 108, 8)),
    gid: Number(pax["gid"] ?? number(header, 116, 8)),
    size: content.length,
    mtime: Number(pax["mtime"] ?? number(header, 136, 12)),
    link: pax["linkpath"] ?? text(header, 157, 100),
    major: number(header, 329, 8),
    minor: number(header, 337, 8),
    xattrs: Object.fromEntries(xattrs.map(([key, value]) => [key.slice("SCHILY.xattr.".length), value])),
    content,
  };
}

/** `LENGTH KEY=VALUE\n`, the length counting itself. */
function paxRecords(bytes: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    const record = bytes.toString("latin1", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

/** Octal text, or base 256 where the first bit is set. */
function number(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) !== 0)
    return Number(BigInt(`0x${field.toString("hex")}`) & ((1n << BigInt(length * 8 - 1)) - 1n));
  return Number.parseInt(cString(field).trim() || "0", 8);
}

function text(header: Buffer, at: number, length: number): string {
  return cString(header.subarray(at, at + length));
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function checkSum(header: Buffer, at: number): void {
  const stated = Number.parseInt(text(header, 148, 8).trim(), 8);
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  if (sum !== stated) throw new Error(`header at ${at} has the check sum ${sum}, says ${stated}`);
}

function uncompressed(bytes: Buffer): Buffer {
  const magic = bytes.toString("hex", 0, 4);
  if (magic.startsWith("1f8b")) return gunzipSync(bytes);
  if (magic === "28b52ffd") return zstdDecompressSync(bytes);
  return bytes;
}
