import { createHash } from "node:crypto";
import { type BytePath, compareBytes } from "../core/byte-path.ts";
import type { Digest } from "../core/digest.ts";
import type { TocEntry, Xattrs } from "../core/file-tree.ts";

/**
 * A layer's table of contents, a column a field, a row an entry, in the tar's order. Plain data: it can be posted to a worker.
 * No two rows have the same path and class (whiteout, opaque, anything else); a whiteout and an entry of one path may both
 * be there: the whiteout hides what lower layers have, the entry is what this layer has.
 */
export interface Toc {
  readonly length: number;
  readonly paths: readonly BytePath[];
  /** One letter a row: see KIND_OF. */
  readonly kinds: string;
  readonly modes: readonly number[];
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly sizes: readonly number[];
  /** Whole seconds since 1970. */
  readonly mtimes: readonly number[];
  /** Where the content starts in the uncompressed tar; -1: no content, or a sparse file (see `sparse`). */
  readonly offsets: readonly number[];
  readonly digests: readonly (Digest | undefined)[];
  // Columns that few rows have, by row.
  readonly nanos: ReadonlyMap<number, number>;
  readonly targets: ReadonlyMap<number, string>;
  readonly devices: ReadonlyMap<number, readonly [major: number, minor: number]>;
  readonly xattrs: ReadonlyMap<number, Xattrs>;
  /** Stored pieces of sparse files: place in the file, bytes, place in the tar; again and again. What lies between is zeros. */
  readonly sparse: ReadonlyMap<number, readonly number[]>;
}

export const KIND_OF = {
  f: "file",
  d: "dir",
  l: "symlink",
  h: "hardlink",
  c: "char",
  b: "block",
  p: "fifo",
  s: "socket",
  w: "whiteout",
  o: "opaque",
} as const satisfies Record<string, TocEntry["kind"]>;

const LETTER_OF: Readonly<Record<TocEntry["kind"], keyof typeof KIND_OF>> = {
  file: "f",
  dir: "d",
  symlink: "l",
  hardlink: "h",
  char: "c",
  block: "b",
  fifo: "p",
  socket: "s",
  whiteout: "w",
  opaque: "o",
};

export function kindAt(toc: Toc, row: number): TocEntry["kind"] {
  const letter = toc.kinds[row] ?? "";
  if (!isKindLetter(letter)) throw new RangeError(`no row ${row} in a table of ${toc.length}`);
  return KIND_OF[letter];
}

export function isKindLetter(letter: string): letter is keyof typeof KIND_OF {
  return Object.hasOwn(KIND_OF, letter);
}

/** One row as an object. `row` must be below `toc.length`. */
export function tocEntry(toc: Toc, row: number): TocEntry {
  const path = toc.paths[row];
  if (path === undefined) throw new RangeError(`no row ${row} in a table of ${toc.length}`);
  const kind = kindAt(toc, row);
  const target = toc.targets.get(row);
  const device = toc.devices.get(row);
  const xattrs = toc.xattrs.get(row);
  const digest = toc.digests[row];
  const offset = toc.offsets[row] ?? -1;
  return {
    path,
    kind,
    mode: toc.modes[row] ?? 0,
    uid: toc.uids[row] ?? 0,
    gid: toc.gids[row] ?? 0,
    size: toc.sizes[row] ?? 0,
    mtimeSeconds: toc.mtimes[row] ?? 0,
    mtimeNanos: toc.nanos.get(row) ?? 0,
    ...(target === undefined ? {} : { target }),
    ...(device === undefined ? {} : { major: device[0], minor: device[1] }),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(digest === undefined ? {} : { digest }),
    ...(offset < 0 ? {} : { offset }),
  };
}

export function* tocEntries(toc: Toc): Generator<TocEntry> {
  for (let row = 0; row < toc.length; row++) yield tocEntry(toc, row);
}

/** Collects rows. `sparse` as in Toc. */
export class TocBuilder {
  readonly #paths: BytePath[] = [];
  readonly #kinds: string[] = [];
  readonly #modes: number[] = [];
  readonly #uids: number[] = [];
  readonly #gids: number[] = [];
  readonly #sizes: number[] = [];
  readonly #mtimes: number[] = [];
  readonly #offsets: number[] = [];
  readonly #digests: (Digest | undefined)[] = [];
  readonly #nanos = new Map<number, number>();
  readonly #targets = new Map<number, string>();
  readonly #devices = new Map<number, readonly [number, number]>();
  readonly #xattrs = new Map<number, Xattrs>();
  readonly #sparse = new Map<number, readonly number[]>();

  add(entry: TocEntry, sparse?: readonly number[]): void {
    const row = this.#paths.length;
    this.#paths.push(entry.path);
    this.#kinds.push(LETTER_OF[entry.kind]);
    this.#modes.push(entry.mode);
    this.#uids.push(entry.uid);
    this.#gids.push(entry.gid);
    this.#sizes.push(entry.size);
    this.#mtimes.push(entry.mtimeSeconds);
    this.#offsets.push(entry.offset ?? -1);
    this.#digests.push(entry.digest);
    if (entry.mtimeNanos !== 0) this.#nanos.set(row, entry.mtimeNanos);
    if (entry.target !== undefined) this.#targets.set(row, entry.target);
    if (entry.major !== undefined) this.#devices.set(row, [entry.major, entry.minor ?? 0]);
    if (entry.xattrs !== undefined) this.#xattrs.set(row, entry.xattrs);
    if (sparse !== undefined) this.#sparse.set(row, sparse);
  }

  build(): Toc {
    return {
      length: this.#paths.length,
      paths: this.#paths,
      kinds: this.#kinds.join(""),
      modes: this.#modes,
      uids: this.#uids,
      gids: this.#gids,
      sizes: this.#sizes,
      mtimes: this.#mtimes,
      offsets: this.#offsets,
      digests: this.#digests,
      nanos: this.#nanos,
      targets: this.#targets,
      devices: this.#devices,
      xattrs: this.#xattrs,
      sparse: this.#sparse,
    };
  }
}

export function toToc(entries: Iterable<TocEntry>): Toc {
  const builder = new TocBuilder();
  for (const entry of entries) builder.add(entry);
  return builder.build();
}

/**
 * Hex sha256 of what a layer says, without times, offsets and order: two tars of the same changes have the same one.
 * Every field of free length is length-prefixed, so no two tables share an encoding.
 */
export function contentDigestOfToc(toc: Toc): string {
  const hash = createHash("sha256");
  let batch = "";
  for (const row of rowsByPath(toc)) {
    batch += encodeRow(toc, row);
    if (batch.length < 65_536) continue;
    hash.update(batch, "latin1");
    batch = "";
  }
  return hash.update(batch, "latin1").digest("hex");
}

function rowsByPath(toc: Toc): number[] {
  const rows = Array.from({ length: toc.length }, (_, row) => row);
  const before = (a: number, b: number): number =>
    compareBytes(toc.paths[a] ?? "", toc.paths[b] ?? "") ||
    compareBytes(toc.kinds[a] ?? "", toc.kinds[b] ?? "");
  const sorted = rows.every((row) => row === 0 || before(row - 1, row) <= 0);
  return sorted ? rows : rows.toSorted(before);
}

function encodeRow(toc: Toc, row: number): string {
  const path = toc.paths[row] ?? "";
  const target = toc.targets.get(row);
  const xattrs = toc.xattrs.get(row);
  const fields = [toc.modes[row], toc.uids[row], toc.gids[row], toc.sizes[row], toc.digests[row] ?? ""];
  return (
    `${path.length}:${path}${toc.kinds[row]}${fields.join(",")}` +
    `;${target === undefined ? "" : `${target.length}:${target}`}` +
    `;${toc.devices.get(row)?.join(",") ?? ""}` +
    `;${xattrs === undefined ? "" : encodeXattrs(xattrs)}\n`
  );
}

function encodeXattrs(xattrs: Xattrs): string {
  return Object.entries(xattrs)
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map(([name, value]) => `${name.length}:${name}${value.length}:${value}`)
    .join("");
}
