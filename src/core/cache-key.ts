/** Which engine's rules decide a hit: tsbuild's own, Docker 20.10's classic builder, BuildKit (today's, Docker 20.10's), buildah. */
export const CACHE_MODELS = ["tsbuild", "classic", "buildkit", "buildkit@20.10", "buildah"] as const;
export type CacheModelName = (typeof CACHE_MODELS)[number];

/** Address of a cache record: sha256 of the key's canonical encoding. */
export type CacheKeyId = string & { readonly __brand: "CacheKeyId" };

export type KeyInputKind =
  | "schema"
  | "instruction"
  | "platform"
  | "base"
  | "parent"
  | "files"
  | "remote"
  | "args"
  | "env"
  | "cwd"
  | "user"
  | "network"
  | "owner"
  | "mode"
  | "dest"
  | "mount";

/** One named input of a key. `subject` says which of its kind: a variable name, a source path, a stage. */
export interface KeyInput {
  readonly kind: KeyInputKind;
  readonly subject: string;
  /** What is compared. Secret-looking values are a keyed hash, marked by `redacted`. */
  readonly value: string;
  readonly redacted?: boolean;
  /** Of a folder whose `value` is a model's own sum: the listing behind it, for `explain`. Not hashed. */
  readonly listing?: string;
}

/** Identity is data first, hash last. */
export interface CacheKey {
  readonly model: CacheModelName;
  readonly inputs: readonly KeyInput[];
  readonly id: CacheKeyId;
}

/** Kinds of `explain` (ux.md): what moved between two keys of one step. */
export type ChangeKind =
  | "first-build"
  | "instruction"
  | "base"
  | "parent"
  | "file-content"
  | "file-mode"
  | "file-type"
  | "file-target"
  | "file-owner"
  | "file-xattr"
  | "file-added"
  | "file-removed"
  | "file-renamed"
  | "arg"
  | "env"
  | "mount"
  | "network"
  | "platform"
  | "no-cache"
  | "pruned"
  | "expired"
  | "key-schema";

export interface Change {
  readonly kind: ChangeKind;
  readonly subject: string;
  readonly old: string | null;
  readonly new: string | null;
}
