import { BuildError } from "../core/errors.ts";
import type { Xattrs } from "../core/file-tree.ts";
import { encodePaxRecords, encodePaxTime, XATTR_PREFIX } from "./pax.ts";

export const BLOCK = 512;

/** Type flags of POSIX ustar and their extensions that are read or written here. */
export const TYPE_FLAG = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
} as const;

/** What one header says. Names are raw bytes (latin1); a directory's name ends in "/". */
export interface TarHeader {
  readonly name: string;
  readonly type: keyof typeof TYPE_FLAG;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly linkName?: string | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly xattrs?: Xattrs | undefined;
}

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/**
 * The smallest form: one ustar block, preceded by a PAX header only where a value does not fit. Names need not be ASCII: they
 * go in as they are. A function of the header alone, so equal headers are equal bytes.
 */
export function encodeHeader(header: TarHeader): Buffer {
  const records = new Map<string, string>();
  const fits = (key: string, value: number, max: number): number => {
    if (value >= 0 && value <= max) return value;
    records.set(key, String(value));
    return 0;
  };
  const split = splitName(header.name);
  if (split === undefined) records.set("path", header.name);
  const linkName = header.linkName ?? "";
  if (linkName.length > NAME_BYTES) records.set("linkpath", linkName);
  const fields: UstarFields = {
    name: split?.name ?? header.name.slice(0, NAME_BYTES),
    prefix: split?.prefix ?? "",
    flag: TYPE_FLAG[header.type],
    linkName: linkName.slice(0, NAME_BYTES),
    mode: header.mode,
    uid: fits("uid", header.uid, MAX_OCTAL_7),
    gid: fits("gid", header.gid, MAX_OCTAL_7),
    size: fits("size", header.size, MAX_OCTAL_11),
    mtime: fits("mtime", header.mtimeSeconds, MAX_OCTAL_11),
    major: fits("SCHILY.devmajor", header.major ?? 0, MAX_OCTAL_7),
    minor: fits("SCHILY.devminor", header.minor ?? 0, MAX_OCTAL_7),
  };
  if (header.mtimeNanos !== 0) records.set("mtime", encodePaxTime(header.mtimeSeconds, header.mtimeNanos));
  for (const [name, value] of Object.entries(header.xattrs ?? {})) records.set(XATTR_PREFIX + name, value);
  const block = encodeUstar(fields);
  return records.size === 0 ? block : Buffer.concat([...encodePaxEntry(header.name, records), block]);
}

interface UstarFields {
  readonly name: string;
  readonly prefix: string;
  readonly flag: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/** The `x` entry before an entry: its header, its records, padding. */
function encodePaxEntry(name: string, records: ReadonlyMap<string, string>): Buffer[] {
  const body = encodePaxRecords(records);
  const base = name.slice(name.lastIndexOf("/", name.length - 2) + 1);
  const header = encodeUstar({
    name: `PaxHeaders.0/${base}`.slice(0, NAME_BYTES).replace(/\/$/, ""),
    prefix: "",
    flag: "x",
    linkName: "",
    mode: 0,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    major: 0,
    minor: 0,
  });
  return [header, body, Buffer.alloc(paddingOf(body.length))];
}

/** Zero bytes between content of this size and the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** ustar's two name fields, split at the "/" between them; undefined where the name needs PAX. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (name.length <= NAME_BYTES) return { name, prefix: "" };
  // The split is as far right as the prefix allows; a directory's own last "/" is no place for it.
  const slash = name.lastIndexOf("/", Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

function encodeUstar(fields: UstarFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(fields.name, 0, NAME_BYTES, "latin1");
  writeOctal(block, 100, 7, fields.mode);
  writeOctal(block, 108, 7, fields.uid);
  writeOctal(block, 116, 7, fields.gid);
  writeOctal(block, 124, 11, fields.size);
  writeOctal(block, 136, 11, fields.mtime);
  block.write(fields.flag, 156, 1, "latin1");
  block.write(fields.linkName, 157, NAME_BYTES, "latin1");
  block.write("ustar\x0000", 257, 8, "latin1");
  writeOctal(block, 329, 7, fields.major);
  writeOctal(block, 337, 7, fields.minor);
  block.write(fields.prefix, 345, PREFIX_BYTES, "latin1");
  writeOctal(block, 148, 6, checksumOf(block));
  block[155] = 0x20;
  return block;
}

/** `digits` octal digits, zero-filled; the NUL behind them is there already. */
function writeOctal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    block[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** Sum of all bytes, the checksum field itself taken as blanks. */
export function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i] ?? 0;
  for (let i = 156; i < BLOCK; i++) sum += block[i] ?? 0;
  return sum;
}

/** A header block as it stands, before PAX and GNU extensions are applied. */
export interface RawHeader {
  readonly flag: string;
  readonly format: "ustar" | "gnu" | "v7";
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/** Untrusted 512 bytes. Throws `layer/bad-tar` for a wrong checksum and for numbers that are none. */
export function decodeHeader(block: Buffer): RawHeader {
  verifyChecksum(block);
  const magic = block.toString("latin1", 257, 265);
  const format = magic.startsWith("ustar\0") ? "ustar" : magic === "ustar  \0" ? "gnu" : "v7";
  const prefix = format === "ustar" ? textAt(block, 345, PREFIX_BYTES) : "";
  const name = textAt(block, 0, NAME_BYTES);
  const flag = String.fromCharCode(block[156] ?? 0);
  const isDevice = flag === TYPE_FLAG.char || flag === TYPE_FLAG.block;
  return {
    flag,
    format,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: textAt(block, 157, NAME_BYTES),
    mode: numberAt(block, 100, 8),
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
    mtime: numberAt(block, 136, 12),
    // Old writers leave rubbish in the device fields of other types.
    major: isDevice ? numberAt(block, 329, 8) : 0,
    minor: isDevice ? numberAt(block, 337, 8) : 0,
  };
}

function verifyChecksum(block: Buffer): void {
  const stored = numberAt(block, 148, 8);
  if (stored === checksumOf(block)) return;
  // Some historic writers summed signed bytes.
  let signed = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) signed += ((block[i] ?? 0) << 24) >> 24;
  if (stored !== signed) throw new BuildError("layer/bad-tar", "the tar has a header with a wrong checksum");
}

/** Bytes up to the first NUL. */
function textAt(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? length : end);
}

/** Octal text, or GNU's base-256 (first bit set; two's complement). Blank is 0. */
export function numberAt(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first & 0x80) return base256At(block, at, length);
  let value = 0;
  let i = at;
  const end = at + length;
  while (i < end && isBlank(block[i])) i++;
  for (; i < end && !isBlank(block[i]); i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw badNumber();
    value = value * 8 + digit;
  }
  while (i < end && isBlank(block[i])) i++;
  // Digits after a blank: Go's reader refuses them too.
  if (i !== end && block.subarray(i, end).some((byte) => !isBlank(byte) && byte !== 0)) throw badNumber();
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

function base256At(block: Buffer, at: number, length: number): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = negative ? -1 : 0;
  for (let i = at; i < at + length; i++) {
    const byte = block[i] ?? 0;
    const bits = i === at ? (negative ? byte | 0x80 : byte & 0x7f) : byte;
    value = i === at && negative ? bits - 256 : value * 256 + bits;
  }
  if (!Number.isSafeInteger(value)) throw badNumber();
  return value;
}

function badNumber(): BuildError {
  return new BuildError("layer/bad-tar", "the tar has a header with a malformed number");
}
