import type { CacheKey, CacheKeyId, CacheModelName } from "../core/cache-key.ts";
import type { ChainId, ContentChain, Digest } from "../core/digest.ts";
import type { FileType, ListingRow } from "../core/file-tree.ts";
import type { Platform } from "../core/platform.ts";
import type { Step } from "../core/step.ts";

/** One source of a COPY, or of a RUN's bind mount, addressed. */
export interface SourceMaterial {
  /** Of a mount: its place among the mounts of the step. */
  readonly mount?: number | undefined;
  /** Source as written, and the path it came to (decoded, for people). */
  readonly written: string;
  readonly path: string;
  /** Name the destination may take over; empty for a directory. */
  readonly name: string;
  readonly type: FileType;
  readonly mode: number;
  /** `uid:gid`. */
  readonly owner: string;
  /** Address of the xattrs; empty where there are none. */
  readonly xattrs: string;
  /** Of a directory the Merkle root, of a file its content. */
  readonly digest: Digest;
  /** Everything at and below the source that is copied, in byte order; only for models that read it. */
  readonly entries?: () => Iterable<SourceEntry>;
}

/** One entry at or below a source. */
export interface SourceEntry {
  /** Below the source; empty for the source itself. */
  readonly path: string;
  readonly row: ListingRow;
}

/** The result that a step stands on. */
export interface ParentMaterial {
  readonly content: ContentChain;
  /** How people name it: `FROM debian:12`, `step 3`. */
  readonly title: string;
  readonly isBase: boolean;
  /** Of its layers; undefined: there are none. */
  readonly chain: ChainId | undefined;
  /** This very result, by the key and the time of its record, or by the image: made again it is another. */
  readonly identity: string;
  /** Of a step. */
  readonly key: CacheKeyId | undefined;
}

/** Something that ADD fetches, addressed. */
export interface RemoteMaterial {
  /** Its address, without credentials. */
  readonly shown: string;
  /** Content of a file, a commit. */
  readonly value: string;
}

/** What a key is made of beyond the step itself: found out when the steps below it are done. */
export interface KeyMaterial {
  readonly platform: Platform;
  readonly parent: ParentMaterial | undefined;
  /** In the order of the step's sources or mounts. */
  readonly sources: readonly SourceMaterial[];
  /** In the op's order. */
  readonly remotes: readonly RemoteMaterial[];
  /** A keyed hash for values that must not be recorded; undefined: record the value. */
  readonly redact: (name: string, value: string) => string | undefined;
}

/** Whose rules decide a hit. Pure: the same step and material give the same key. */
export interface CacheModel {
  readonly name: CacheModelName;
  keyOf(step: Step, material: KeyMaterial): CacheKey;
  /** Set where it reads the entries below a source, and how: as the context is sent, or as it is on the disk (owners, xattrs). */
  readonly reads?: "listed" | "on-disk";
  /** What it cannot key: a feature that its engine lacks, in a few words. */
  lacks?(step: Step): string | undefined;
  /** `created_by` of a step's history row, in the engine's words. Undefined: the plan's. */
  createdBy?(step: Step, key: CacheKey): string;
  /** A row of a listing as its engine sees it: `explain` names no change that the engine does not look at. */
  see?(row: ListingRow): ListingRow;
}
