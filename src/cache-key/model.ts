import type { CacheKey, CacheModelName } from "../core/cache-key.ts";
import type { ContentChain, Digest } from "../core/digest.ts";
import type { FileType } from "../core/file-tree.ts";
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
}

/** What a key is made of beyond the step itself: found out when the steps below it are done. */
export interface KeyMaterial {
  readonly platform: Platform;
  /** Content of the snapshot the step stands on; and how people name it: `FROM debian:12`, `step 3`. */
  readonly parent:
    | { readonly content: ContentChain; readonly title: string; readonly isBase: boolean }
    | undefined;
  /** In the order of the step's sources or mounts. */
  readonly sources: readonly SourceMaterial[];
  /** A keyed hash for values that must not be recorded; undefined: record the value. */
  readonly redact: (name: string, value: string) => string | undefined;
}

/** Whose rules decide a hit. Pure: the same step and material give the same key. */
export interface CacheModel {
  readonly name: CacheModelName;
  keyOf(step: Step, material: KeyMaterial): CacheKey;
}
