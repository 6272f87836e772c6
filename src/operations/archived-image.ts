import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import type { ImageManifest } from "../core/image.ts";
import type { FileRange } from "./archive-files.ts";

/** A manifest as the archive has it, its bytes checked. */
export interface ArchivedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly manifest: ImageManifest;
}

export interface ArchivedLayer {
  readonly file: FileRange;
  /** Of the bytes, where the archive says it. */
  readonly digest: Digest | undefined;
}

/** An image of an archive. Nothing of its layers has been read. */
export interface ArchivedImage {
  /** Full, with a tag. */
  readonly names: readonly string[];
  readonly config: Buffer;
  readonly layers: readonly ArchivedLayer[];
  /** Where the archive is an OCI layout too. */
  readonly manifest: ArchivedManifest | undefined;
}
