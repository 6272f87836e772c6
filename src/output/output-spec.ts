/** What an annotation is written on (OCI image-spec annotations.md; BuildKit's names of the places). */
export type AnnotationPlace = "manifest" | "index" | "manifest-descriptor" | "index-descriptor";

export interface Annotation {
  readonly place: AnnotationPlace;
  /** Of one platform's manifest only, as `linux/arm64`. */
  readonly platform?: string | undefined;
  readonly key: string;
  readonly value: string;
}

export type OutputCompression = "uncompressed" | "gzip" | "zstd";

/** How an image's layers and documents are written where they leave the store. */
export interface ImageEncoding {
  /** Undefined: what the output takes by itself, gzip for a registry and an OCI layout, none for Docker's archive. */
  readonly compression?: OutputCompression | undefined;
  readonly level?: number | undefined;
  /** Also layers that came compressed otherwise. */
  readonly forceCompression: boolean;
  /** False: Docker's media types (Docker image manifest v2 schema 2). */
  readonly ociMediaTypes: boolean;
}

/** The final stage's files, in a folder of this machine or as one tar. */
export interface FilesOutput {
  readonly type: "local" | "tar";
  /** "-": standard output, of a tar. */
  readonly dest: string;
  /** With several platforms: each in a folder of its own. */
  readonly platformSplit: boolean;
}

/** The image as an archive or a folder. */
export interface ArchiveOutput extends ImageEncoding {
  readonly type: "oci" | "docker";
  /** "-": standard output. Undefined: into the Docker daemon. */
  readonly dest: string | undefined;
  /** A layout in a folder instead of an archive of one. */
  readonly isFolder: boolean;
  readonly names: readonly string[];
  readonly annotations: readonly Annotation[];
  /** Of --load: where no daemon can be reached the image in the store is enough. */
  readonly mayLackDaemon?: boolean | undefined;
}

/** The image in tsbuild's store, and in a registry if it is pushed. */
export interface ImageOutput extends ImageEncoding {
  readonly type: "image";
  readonly names: readonly string[];
  readonly push: boolean;
  readonly annotations: readonly Annotation[];
}

export type OutputSpec = FilesOutput | ArchiveOutput | ImageOutput;

/** True where a build's outputs are files alone: no image need be kept. */
export function isFilesOnly(outputs: readonly OutputSpec[]): boolean {
  return outputs.length > 0 && outputs.every(({ type }) => type === "local" || type === "tar");
}
