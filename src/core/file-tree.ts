import type { BytePath } from "./byte-path.ts";
import type { Digest } from "./digest.ts";

export type FileType = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket";

/** Extended attributes: name to raw value bytes (latin1). */
export type Xattrs = Readonly<Record<string, string>>;

/** What a tree says of one path. Modes are the 12 permission bits; times are seconds and nanoseconds since 1970. */
export interface FileFacts {
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a regular file, else 0. */
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  /** Raw bytes (latin1) of a symlink's target, verbatim. */
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: Xattrs;
  /** Two files of one tree with the same number here are one inode (hard links). Absent: link count 1. */
  readonly linkGroup?: number;
}

/**
 * A directory tree that COPY, ADD and bind mounts read from: a context, or the file system of a stage or image. Paths are
 * inside the tree and can never leave it. All calls are synchronous: they sit in the inner loop of packing.
 */
export interface FileTree {
  /** Facts of exactly this path (a last symlink is not followed; symlinked parents are NOT resolved either). */
  facts(path: BytePath): FileFacts | undefined;
  /** The path with every symlink (the last too if `followLast`) resolved inside the tree; undefined where it dangles or loops. */
  resolve(path: BytePath, followLast: boolean): BytePath | undefined;
  /** Names in a directory, in byte order; empty where it is none. */
  names(dir: BytePath): readonly string[];
  /** sha256 of a regular file's content. May read the file (once; later answers come from a cache). */
  contentDigest(path: BytePath): Digest;
  /** Bytes of a regular file, in pieces of at most 1 MiB. A piece is only valid until the next one is asked for. */
  read(path: BytePath): Iterable<Uint8Array>;
  /**
   * Address of everything below (and the facts of) this path that enters a cache key: see Listing. Directories answer from
   * the tree of listings, other entries from their own facts.
   */
  merkle(path: BytePath): Digest;
  /** The listing of one directory, for `explain`; undefined where the path is no directory. */
  listing(dir: BytePath): Listing | undefined;
}

/**
 * One directory in a Merkle tree of keyed facts: rows in byte order of name. Times are left out. The digest of a listing is
 * the sha256 of its canonical encoding (encodeListing in core/listing.ts).
 */
export interface Listing {
  readonly rows: readonly ListingRow[];
}

export interface ListingRow {
  /** Raw name bytes (latin1). */
  readonly name: string;
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Of the content (file), of the sub-listing (dir), of the target bytes (symlink); absent for devices, fifos. */
  readonly digest?: Digest;
  /** `major:minor` of a device. */
  readonly device?: string;
  /** sha256 of the sorted xattrs, where there are any. */
  readonly xattrsDigest?: Digest;
  /** Smallest path (inside the listing's root tree) of the inode, where it has several links in the tree. */
  readonly link?: string;
}

/**
 * One entry of a layer's table of contents: what the tar says, in the tar's order. Whiteouts are entries of their own:
 * `whiteout` hides `path` of the layers below, `opaque` hides everything below the directory `path` of the layers below.
 */
export interface TocEntry {
  readonly path: BytePath;
  readonly kind: FileType | "hardlink" | "whiteout" | "opaque";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  /** Of a symlink: raw target bytes. Of a hardlink: the path (inside the layer's root) it links to. */
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: Xattrs;
  /** sha256 of a regular file's content. */
  readonly digest?: Digest;
  /** Where a regular file's content starts in the uncompressed tar. */
  readonly offset?: number;
}
