import { closeSync, openSync, readSync } from "node:fs";

/** What the dynamic loader reads of a program or library (System V gABI, "Program Loading and Dynamic Linking"). */
export interface ElfFacts {
  /** `1:62`-like: class (1: 32 bit, 2: 64 bit) and machine. Objects of one process agree in it. */
  readonly target: string;
  readonly machine: number;
  /** PT_INTERP: absolute path of the dynamic loader; undefined for static programs and most libraries. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** DT_RPATH, ignored by loaders where there is a runpath; entries may hold `$ORIGIN`. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
/** Headers and string tables beyond this are not those of a program. */
const LARGEST_TABLE = 16 * 1024 * 1024;

/** Facts of an ELF file, read and never executed; undefined where it is something else or its tables make no sense. */
export function readElf(path: Buffer): ElfFacts | undefined {
  const file = openSync(path, "r");
  try {
    return parseElf((position, length) => readAt(file, position, length));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}

type Read = (position: number, length: number) => Buffer;

function parseElf(read: Read): ElfFacts | undefined {
  const ident = read(0, 64);
  if (ident.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const numbers = fieldReader(ident[4] === 2, ident[5] === 1);
  const machine = numbers.half(ident, 18);
  const segments = readSegments(read, ident, numbers);

  const interp = segments.find((segment) => segment.type === PT_INTERP);
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  const tags = dynamic === undefined ? [] : readTags(read(dynamic.offset, dynamic.size), numbers);
  const strings = readStrings(read, tags, segments);
  const named = (tag: number) =>
    tags.filter(([name]) => name === tag).map(([, value]) => textAt(strings, value));
  return {
    target: `${ident[4]}:${machine}`,
    machine,
    interpreter: interp === undefined ? undefined : textAt(read(interp.offset, interp.size), 0),
    needed: named(DT_NEEDED),
    rpath: named(DT_RPATH).flatMap(splitPath),
    runpath: named(DT_RUNPATH).flatMap(splitPath),
  };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function readSegments(read: Read, header: Buffer, numbers: FieldReader): readonly Segment[] {
  const { wide } = numbers;
  const start = numbers.word(header, wide ? 32 : 28);
  const entrySize = numbers.half(header, wide ? 54 : 42);
  const count = numbers.half(header, wide ? 56 : 44);
  const table = read(start, entrySize * count);
  return Array.from({ length: count }, (_, index) => {
    const at = index * entrySize;
    return {
      type: numbers.int(table, at),
      offset: numbers.word(table, at + (wide ? 8 : 4)),
      address: numbers.word(table, at + (wide ? 16 : 8)),
      size: numbers.word(table, at + (wide ? 32 : 16)),
    };
  });
}

type Tag = readonly [name: number, value: number];

function readTags(table: Buffer, numbers: FieldReader): readonly Tag[] {
  const step = numbers.wide ? 16 : 8;
  const tags: Tag[] = [];
  for (let at = 0; at + step <= table.length; at += step) {
    const name = numbers.word(table, at);
    if (name === 0) break;
    tags.push([name, numbers.word(table, at + step / 2)]);
  }
  return tags;
}

/** The dynamic string table is given by address: the loaded segment around it says where that is in the file. */
function readStrings(read: Read, tags: readonly Tag[], segments: readonly Segment[]): Buffer {
  const address = tags.find(([name]) => name === DT_STRTAB)?.[1];
  const size = tags.find(([name]) => name === DT_STRSZ)?.[1];
  const home = segments.find(
    (segment) =>
      segment.type === PT_LOAD &&
      address !== undefined &&
      address >= segment.address &&
      address < segment.address + segment.size,
  );
  if (address === undefined || size === undefined || home === undefined) return Buffer.alloc(0);
  return read(home.offset + address - home.address, size);
}

function textAt(table: Buffer, start: number): string {
  const end = table.indexOf(0, start);
  return table.toString("latin1", start, end < 0 ? table.length : end);
}

function splitPath(list: string): readonly string[] {
  return list.split(":").filter((entry) => entry !== "");
}

interface FieldReader {
  readonly wide: boolean;
  half(bytes: Buffer, at: number): number;
  int(bytes: Buffer, at: number): number;
  /** An address or size: 4 or 8 bytes by class. */
  word(bytes: Buffer, at: number): number;
}

function fieldReader(wide: boolean, little: boolean): FieldReader {
  const int = (bytes: Buffer, at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const long = (bytes: Buffer, at: number) =>
    Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return {
    wide,
    half: (bytes, at) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)),
    int,
    word: wide ? long : int,
  };
}

/** Exactly `length` bytes, or a RangeError: a table that points outside the file is no table. */
function readAt(file: number, position: number, length: number): Buffer {
  if (length > LARGEST_TABLE) throw new RangeError("table too large");
  const bytes = Buffer.alloc(length);
  if (readSync(file, bytes, 0, length, position) !== length) throw new RangeError("table outside the file");
  return bytes;
}
