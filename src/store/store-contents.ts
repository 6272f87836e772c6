import type { BlobDirectory } from "./blob-directory.ts";
import type { BuildDirectory } from "./build-directory.ts";
import type { CacheMountDirectory } from "./cache-mount-directory.ts";
import type { ContainerDirectory } from "./container-directory.ts";
import type { FactDirectory } from "./fact-directory.ts";
import type { ImageDirectory } from "./image-directory.ts";
import type { LayerDirectory } from "./layer-directory.ts";
import type { ListingDirectory } from "./listing-directory.ts";
import type { RecordDirectory } from "./record-directory.ts";

/** The kinds of things a store keeps. */
export interface StoreContents {
  /** Reads find every blob; new ones become image blobs. */
  readonly blobs: BlobDirectory;
  /** Reads find every blob; new ones are the cache's own. */
  readonly cacheBlobs: BlobDirectory;
  readonly images: ImageDirectory;
  readonly layers: LayerDirectory;
  readonly containers: ContainerDirectory;
  readonly records: RecordDirectory;
  readonly listings: ListingDirectory;
  readonly cacheMounts: CacheMountDirectory;
  readonly builds: BuildDirectory;
  readonly facts: FactDirectory;
}
