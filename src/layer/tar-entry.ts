import { BuildError } from "../core/errors.ts";
import type { FileType } from "../core/file-tree.ts";
import { decodePaxTime, type PaxRecords, XATTR_PREFIX } from "./pax.ts";
import { parseSparseText, type SparseMap } from "./sparse.ts";
import { type RawHeader, TYPE_FLAG } from "./tar-header.ts";

/** One entry as the tar has it. Names are raw, unsafe bytes (latin1): nothing is cleaned or checked. */
export interface TarEntry {
  readonly name: string;
  readonly type: Exclude<FileType, "socket"> | "hardlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file once expanded, holes included; 0 for what has no content. */
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  /** "" where it is no link. */
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
  /** Every xattr, unfiltered. */
  readonly xattrs: Readonly<Record<string, string>> | undefined;
  /** Where the content (the stored pieces of a sparse file) starts in the tar. */
  readonly offset: number;
  readonly sparse: SparseMap | undefined;
}

/** What stands before a header and changes it. */
export interface Extensions {
  readonly pax: PaxRecords;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
}

/** The facts of an entry but for where its content is, and how its content is stored. */
export interface MergedHeader {
  readonly facts: Omit<TarEntry, "size" | "offset" | "sparse">;
  /** Bytes in the tar. */
  readonly storedSize: number;
  /** Of a PAX sparse file: its full size, and its map, or "follows" where that stands before the content (form 1.0). */
  readonly sparse: { readonly fileSize: number; readonly map: readonly number[] | "follows" } | undefined;
}

const TYPE_OF: ReadonlyMap<string, TarEntry["type"]> = new Map([
  [TYPE_FLAG.file, "file"],
  [TYPE_FLAG.hardlink, "hardlink"],
  [TYPE_FLAG.symlink, "symlink"],
  [TYPE_FLAG.char, "char"],
  [TYPE_FLAG.block, "block"],
  [TYPE_FLAG.dir, "dir"],
  [TYPE_FLAG.fifo, "fifo"],
  ["\0", "file"],
  ["7", "file"],
  ["S", "file"],
]);

/** A header with its extensions applied, PAX first, GNU's long names over it, as Go's archive/tar does. */
export function mergeHeader(raw: RawHeader, extensions: Extensions): MergedHeader {
  const { pax } = extensions;
  const name = extensions.longName ?? textOf(pax, "GNU.sparse.name") ?? textOf(pax, "path") ?? raw.name;
  const type = typeOf(raw, name);
  const mtime = timeOf(pax, raw.mtime);
  const facts = {
    name,
    type,
    mode: raw.mode & 0o7777,
    uid: sizeOf(pax, "uid", raw.uid),
    gid: sizeOf(pax, "gid", raw.gid),
    mtimeSeconds: mtime.seconds,
    mtimeNanos: mtime.nanos,
    linkName: extensions.longLink ?? textOf(pax, "linkpath") ?? raw.linkName,
    major: sizeOf(pax, "SCHILY.devmajor", raw.major),
    minor: sizeOf(pax, "SCHILY.devminor", raw.minor),
    xattrs: xattrsOf(pax),
  };
  const storedSize = sizeOf(pax, "size", raw.size);
  // Links, devices and directories carry no content, whatever their size field says.
  return type === "file"
    ? { facts, storedSize, sparse: paxSparseOf(pax) }
    : { facts, storedSize: 0, sparse: undefined };
}

function typeOf(raw: RawHeader, name: string): TarEntry["type"] {
  // Before ustar a directory was a file whose name ends in "/".
  if (raw.flag === "\0" && name.endsWith("/")) return "dir";
  const type = TYPE_OF.get(raw.flag);
  if (type === undefined) {
    const hint = "Multi-volume and incremental archives cannot be read; write a plain one.";
    throw new BuildError(
      "layer/bad-tar",
      `the tar has an entry of unknown type ${JSON.stringify(raw.flag)}`,
      { hint },
    );
  }
  return type;
}

function paxSparseOf(pax: PaxRecords): MergedHeader["sparse"] {
  const version = `${pax.get("GNU.sparse.major") ?? ""}.${pax.get("GNU.sparse.minor") ?? ""}`;
  const text = pax.get("GNU.sparse.map");
  const fileSize = numberOf(pax, "GNU.sparse.realsize") ?? numberOf(pax, "GNU.sparse.size");
  const follows = version === "1.0";
  if (!follows && (text === undefined || !["0.0", "0.1", "."].includes(version))) return undefined;
  if (fileSize === undefined) throw malformed("sparse file");
  return { fileSize, map: follows ? "follows" : parseSparseText(text ?? "") };
}

function xattrsOf(pax: PaxRecords): Record<string, string> | undefined {
  const xattrs: [string, string][] = [];
  for (const [key, value] of pax) {
    if (key.startsWith(XATTR_PREFIX)) xattrs.push([key.slice(XATTR_PREFIX.length), value]);
  }
  return xattrs.length === 0 ? undefined : Object.fromEntries(xattrs);
}

/** An empty record means "as the header has it". */
function textOf(pax: PaxRecords, key: string): string | undefined {
  const text = pax.get(key);
  return text === "" ? undefined : text;
}

/** A number that cannot be below zero. */
function sizeOf(pax: PaxRecords, key: string, fallback: number): number {
  const value = numberOf(pax, key) ?? fallback;
  if (value < 0) throw malformed("number");
  return value;
}

function numberOf(pax: PaxRecords, key: string): number | undefined {
  const text = textOf(pax, key);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw malformed("number");
  return Number(text);
}

function timeOf(pax: PaxRecords, fallback: number): { seconds: number; nanos: number } {
  const text = textOf(pax, "mtime");
  if (text === undefined) return { seconds: fallback, nanos: 0 };
  const time = decodePaxTime(text);
  if (time === undefined) throw malformed("time");
  return time;
}

function malformed(what: string): BuildError {
  return new BuildError("layer/bad-tar", `the tar has a header with a malformed ${what}`);
}
