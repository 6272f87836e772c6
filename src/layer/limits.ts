import { BuildError } from "../core/errors.ts";

/** What an untrusted layer may cost. Beyond it is `layer/too-large`. */
export interface LayerLimits {
  /** Headers in the tar, duplicates counted. An entry takes about half a kilobyte of memory. */
  readonly maxEntries: number;
  /** Bytes of the uncompressed tar, and of all files with their holes filled. */
  readonly maxBytes: number;
  /** Bytes of names, link targets and xattrs: they are held in memory. */
  readonly maxNameBytes: number;
  /** Uncompressed bytes a compressed one, looked at once the tar is beyond `ratioFromBytes`. gzip cannot do better than 1,032. */
  readonly maxRatio: number;
  readonly ratioFromBytes: number;
}

const GIB = 1024 ** 3;

/** Ten times what the largest images in use need. */
export const DEFAULT_LIMITS: LayerLimits = {
  maxEntries: 2_000_000,
  maxBytes: 128 * GIB,
  maxNameBytes: GIB / 4,
  maxRatio: 2_000,
  ratioFromBytes: 8 * GIB,
};

export function tooLarge(what: string): BuildError {
  return new BuildError("layer/too-large", `the layer is refused: ${what}`, {
    hint: "If the image is what you want, give it fewer or smaller layers.",
  });
}
