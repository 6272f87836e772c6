import { BuildError } from "../core/errors.ts";
import type { TarEntry } from "./tar-entry.ts";

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

/** Bombs are stopped by what headers claim, before a byte of it is read. */
export class EntryMeter {
  readonly #limits: LayerLimits;
  #entries = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(limits: LayerLimits) {
    this.#limits = limits;
  }

  charge(raw: TarEntry): void {
    this.#entries += 1;
    this.#bytes += raw.size;
    this.#nameBytes += raw.name.length + raw.linkName.length;
    for (const [name, value] of Object.entries(raw.xattrs ?? {}))
      this.#nameBytes += name.length + value.length;
    const { maxEntries, maxBytes, maxNameBytes } = this.#limits;
    if (this.#entries > maxEntries) throw tooLarge(`it has more than ${maxEntries} entries`);
    if (this.#bytes > maxBytes) throw tooLarge(`its files have more than ${maxBytes} bytes`);
    if (this.#nameBytes > maxNameBytes) throw tooLarge(`its names have more than ${maxNameBytes} bytes`);
  }
}
