import { createHash } from "node:crypto";

/** Flags of an entry in the file. */
export const CACHED = {
  /** It is a row of its directory's stored listing (ignored names are kept too, for builds that take them in). */
  listed: 1,
  hasDigest: 2,
  /** The digest was made more than SETTLE_MS after the last change, so an equal ctime means equal content. */
  settled: 4,
} as const;

const MAGIC = 0x74_73_62_31;
const VERSION = 1;
const HEADER_WORDS = 8;
/** The header ends with the checksum of everything else. */
const CHECKSUM_AT = (HEADER_WORDS - 1) * 4;

/** What a walk needs to know of one entry to tell whether it is still the same. Times are milliseconds, as Stats has them. */
export interface EntryIdentity {
  readonly kind: number;
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
  readonly dev: number;
}

/** An entry on its way into the file. `dir` is the number of its own directory, -1 for none. */
export interface EntryRecord extends EntryIdentity {
  readonly name: string;
  readonly flags: number;
  readonly dir: number;
  readonly digest: Uint8Array | undefined;
}

/** Columns of the file. Numbers of a kind lie together, so that reading it is a few views over one buffer. */
export interface StatColumns {
  readonly dirFirsts: Uint32Array;
  readonly dirCounts: Uint32Array;
  /** How many entries of the directory are rows of its listing; 0xffffffff where no listing is stored. */
  readonly dirListed: Uint32Array;
  readonly dirListings: Uint8Array;
  /** Where each name ends in `names`. */
  readonly nameEnds: Uint32Array;
  readonly dirs: Int32Array;
  readonly modes: Uint16Array;
  readonly kinds: Uint8Array;
  readonly flags: Uint8Array;
  readonly sizes: Float64Array;
  readonly mtimes: Float64Array;
  readonly ctimes: Float64Array;
  readonly inodes: Float64Array;
  readonly devices: Float64Array;
  readonly digests: Uint8Array;
  readonly names: Uint8Array;
}

export const NO_LISTING = 0xffff_ffff;

interface Shape {
  readonly dirs: number;
  readonly entries: number;
  readonly nameBytes: number;
}

/** Bytes of a file for these columns. `root` is the context's path: a file found under another name is not used. */
export function encodeStatFile(root: string, columns: StatColumns): Buffer {
  const rootBytes = Buffer.from(root, "latin1");
  const shape = {
    dirs: columns.dirFirsts.length,
    entries: columns.kinds.length,
    nameBytes: columns.names.length,
  };
  const { sections, end } = layout(shape, rootBytes.length);
  const file = Buffer.alloc(end);
  rootBytes.copy(file, HEADER_WORDS * 4);
  for (const { name, offset } of sections) {
    const column = columns[name];
    file.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
  }
  const header = [MAGIC, VERSION, shape.dirs, shape.entries, shape.nameBytes, rootBytes.length, end];
  for (const [i, word] of header.entries()) file.writeUInt32LE(word, i * 4);
  file.writeUInt32LE(checksum(file), CHECKSUM_AT);
  return file;
}

/** The columns of a file; undefined where it is torn, damaged, of another root, format or byte order. */
export function decodeStatFile(root: string, file: Buffer): StatColumns | undefined {
  if (file.length < HEADER_WORDS * 4) return undefined;
  const word = (index: number) => file.readUInt32LE(index * 4);
  const rootLength = word(5);
  const shape = { dirs: word(2), entries: word(3), nameBytes: word(4) };
  if (word(0) !== MAGIC || word(1) !== VERSION || word(6) !== file.length) return undefined;
  const { sections, end } = layout(shape, rootLength);
  if (end !== file.length || checksum(file) !== file.readUInt32LE(CHECKSUM_AT)) return undefined;
  const start = HEADER_WORDS * 4;
  if (file.toString("latin1", start, start + rootLength) !== root) return undefined;
  // Typed views need aligned memory; Node's pooled buffers start anywhere.
  const memory = new Uint8Array(file).buffer;
  const offsets = new Map(sections.map((section) => [section.name, section.offset]));
  const at = (name: keyof StatColumns) => offsets.get(name) ?? 0;
  return {
    dirFirsts: new Uint32Array(memory, at("dirFirsts"), shape.dirs),
    dirCounts: new Uint32Array(memory, at("dirCounts"), shape.dirs),
    dirListed: new Uint32Array(memory, at("dirListed"), shape.dirs),
    dirListings: new Uint8Array(memory, at("dirListings"), shape.dirs * 32),
    nameEnds: new Uint32Array(memory, at("nameEnds"), shape.entries),
    dirs: new Int32Array(memory, at("dirs"), shape.entries),
    modes: new Uint16Array(memory, at("modes"), shape.entries),
    kinds: new Uint8Array(memory, at("kinds"), shape.entries),
    flags: new Uint8Array(memory, at("flags"), shape.entries),
    sizes: new Float64Array(memory, at("sizes"), shape.entries),
    mtimes: new Float64Array(memory, at("mtimes"), shape.entries),
    ctimes: new Float64Array(memory, at("ctimes"), shape.entries),
    inodes: new Float64Array(memory, at("inodes"), shape.entries),
    devices: new Float64Array(memory, at("devices"), shape.entries),
    digests: new Uint8Array(memory, at("digests"), shape.entries * 32),
    names: new Uint8Array(memory, at("names"), shape.nameBytes),
  };
}

/** Where each column lies: after the header and the root's path, each at a multiple of eight bytes. */
function layout(shape: Shape, rootLength: number) {
  const { dirs, entries, nameBytes } = shape;
  const lengths: readonly (readonly [keyof StatColumns, number])[] = [
    ["dirFirsts", dirs * 4],
    ["dirCounts", dirs * 4],
    ["dirListed", dirs * 4],
    ["dirListings", dirs * 32],
    ["nameEnds", entries * 4],
    ["dirs", entries * 4],
    ["modes", entries * 2],
    ["kinds", entries],
    ["flags", entries],
    ["sizes", entries * 8],
    ["mtimes", entries * 8],
    ["ctimes", entries * 8],
    ["inodes", entries * 8],
    ["devices", entries * 8],
    ["digests", entries * 32],
    ["names", nameBytes],
  ];
  let end = align(HEADER_WORDS * 4 + rootLength);
  const sections = lengths.map(([name, length]) => {
    const offset = end;
    end = align(offset + length);
    return { name, offset };
  });
  return { sections, end };
}

/** Four bytes of sha256: node:crypto is loaded anyway, node:zlib and its crc32 would be for this alone. */
function checksum(file: Buffer): number {
  const hash = createHash("sha256").update(file.subarray(0, CHECKSUM_AT));
  return hash
    .update(file.subarray(CHECKSUM_AT + 4))
    .digest()
    .readUInt32LE(0);
}

function align(offset: number): number {
  return (offset + 7) & ~7;
}
