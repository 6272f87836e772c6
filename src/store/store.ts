import { resolve } from "node:path";
import type { ChainId, Digest } from "../core/digest.ts";
import type { Clock } from "../core/ports.ts";
import { systemClock } from "../host/clock.ts";
import { BlobDirectory } from "./blob-directory.ts";
import { BuildDirectory } from "./build-directory.ts";
import { CacheMountDirectory } from "./cache-mount-directory.ts";
import { Claims } from "./claims.ts";
import { ContainerDirectory } from "./container-directory.ts";
import { FactDirectory } from "./fact-directory.ts";
import { ImageDirectory, type StoredImage } from "./image-directory.ts";
import { LayerDirectory } from "./layer-directory.ts";
import { type Lease, Leases } from "./leases.ts";
import { ListingDirectory } from "./listing-directory.ts";
import type { ExtraRoots } from "./live-set.ts";
import { type PruneOptions, type PruneReport, prune } from "./prune.ts";
import { RecordDirectory } from "./record-directory.ts";
import { discardUnused, type RemovedImage, type RemoveImageOptions, removeImage } from "./remove-image.ts";
import { readSecretKey } from "./secret-key.ts";
import type { StoreContents } from "./store-contents.ts";
import { checkFormat } from "./store-format.ts";
import type { StoreParts } from "./store-parts.ts";
import { StorePaths } from "./store-paths.ts";
import { measureUsage, type StoreUsage } from "./usage.ts";
import type { Problem, VerifyOptions } from "./verify.ts";

export interface StoreOptions {
  readonly clock?: Clock;
  /** One line for a person: something was damaged and counts as missing. */
  readonly warn?: (text: string) => void;
  /** Before the folder of a command that died is removed: end what its runtime state says is still there. */
  readonly onDeadLease?: (dir: string) => void;
}

/** Everything tsbuild keeps, in one folder. Several at once, in one process or many, are normal. */
export interface Store extends StoreContents, Disposable {
  readonly paths: StorePaths;
  /**
   * Every command that writes, or reads for long, holds one while it works: what it wrote or claimed stays. Taken by the
   * writing calls themselves too, for their own duration.
   */
  openLease(kind: string): Lease;
  /** Folders of dead or ended commands that hold files of mapped ids: to be removed under the mapping. */
  readonly leftovers: readonly string[];
  secretKey(): Buffer;
  prune(options: PruneOptions): PruneReport;
  removeImage(text: string, options?: RemoveImageOptions): RemovedImage;
  /** After a command that took layers and blobs in and failed: they go, unless something needs them. Its lease has ended. */
  discard(taken: { readonly chains: readonly ChainId[]; readonly blobs: readonly Digest[] }): void;
  usage(): StoreUsage;
  /** Recomputes every digest and follows every link; an empty list is a sound store. */
  verify(options?: VerifyOptions): Promise<readonly Problem[]>;
}

/**
 * Opens the store in `home`; an empty or missing folder becomes one with the first write. `store/newer-format`,
 * `store/wrong-owner`: refused, untouched. Two system calls for a store that is there: a cached build is in a hurry.
 */
export function openStore(home: string, options: StoreOptions = {}): Store {
  const paths = new StorePaths(resolve(home));
  checkFormat(paths);
  const leftovers: string[] = [];
  const leases = new Leases(paths, {
    onDead: options.onDeadLease,
    onUndeletable: (path) => leftovers.push(path),
  });
  const claims = new Claims(paths, leases);
  const parts: StoreParts = {
    paths,
    clock: options.clock ?? systemClock,
    warn: options.warn ?? (() => {}),
    leases,
    claims,
  };
  const contents = contentsOf(parts);
  let secret: Buffer | undefined;
  return {
    paths,
    ...contents,
    leftovers,
    openLease: (kind) => leases.open(kind),
    secretKey: () => (secret ??= readSecretKey(parts)),
    prune: (how) =>
      prune(parts, contents, {
        ...how,
        roots: () => joinRoots(contents.containers.roots(), how.roots?.()),
        isInUse: usedOrKept(contents, how.isInUse),
      }),
    removeImage: (text, how) =>
      removeImage(parts, contents, text, {
        ...how,
        roots: () => joinRoots(contents.containers.roots(), how?.roots?.()),
      }),
    discard: (taken) => discardUnused(parts, contents, taken),
    usage: () => measureUsage(parts, contents),
    // Loaded when asked for: it brings streams and compression, which a cached build has no time for.
    verify: async (how) => (await import("./verify.ts")).verifyStore(parts, contents, how),
    [Symbol.dispose]: () => {
      contents.images.close();
      claims[Symbol.dispose]();
    },
  };
}

function joinRoots(own: ExtraRoots, more: ExtraRoots | undefined): ExtraRoots {
  if (more === undefined) return own;
  return { images: [...own.images, ...more.images], layers: [...own.layers, ...more.layers] };
}

/** An image that a container was made of stays, whatever else the caller keeps. */
function usedOrKept(
  { containers }: StoreContents,
  isKept: (image: StoredImage) => boolean = () => false,
): (image: StoredImage) => boolean {
  let used: ReadonlySet<Digest> | undefined;
  return (image) => {
    used ??= new Set(containers.list().map(({ container }) => container.image.id));
    return used.has(image.id) || isKept(image);
  };
}

function contentsOf(parts: StoreParts): StoreContents {
  const blobs = new BlobDirectory(parts, "image");
  const layers = new LayerDirectory(parts, blobs);
  return {
    blobs,
    cacheBlobs: new BlobDirectory(parts, "cache"),
    images: new ImageDirectory(parts, blobs),
    layers,
    containers: new ContainerDirectory(parts, layers),
    records: new RecordDirectory(parts),
    listings: new ListingDirectory(parts),
    cacheMounts: new CacheMountDirectory(parts),
    builds: new BuildDirectory(parts),
    facts: new FactDirectory(parts),
  };
}
