import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CacheKeyId } from "../core/cache-key.ts";
import { type ChainId, type Digest, hexOf } from "../core/digest.ts";

/** Where everything lies below a store's home: the one place that knows the layout. */
export class StorePaths {
  readonly home: string;
  readonly format: string;
  readonly ociLayout: string;
  readonly index: string;
  readonly imageBlobs: string;
  readonly cacheBlobs: string;
  readonly refs: string;
  readonly images: string;
  readonly manifestLists: string;
  readonly layers: string;
  readonly records: string;
  readonly latest: string;
  readonly listings: string;
  readonly cacheMounts: string;
  readonly builds: string;
  readonly containers: string;
  readonly statCache: string;
  readonly leases: string;
  readonly temp: string;
  readonly reserve: string;
  readonly secretKey: string;
  readonly gcLock: string;
  readonly indexLock: string;
  readonly sweepLock: string;
  readonly treeLock: string;
  readonly containersLock: string;

  constructor(home: string) {
    this.home = home;
    this.format = join(home, "tsbuild.json");
    this.ociLayout = join(home, "oci-layout");
    this.index = join(home, "index.json");
    this.imageBlobs = join(home, "blobs", "sha256");
    this.cacheBlobs = join(home, "cache", "blobs", "sha256");
    this.refs = join(home, "refs");
    this.images = join(home, "images");
    this.manifestLists = join(home, "manifest-lists");
    this.layers = join(home, "layers");
    this.records = join(home, "cache", "records");
    this.latest = join(home, "cache", "latest");
    this.listings = join(home, "cache", "listings");
    this.cacheMounts = join(home, "cache", "mounts");
    this.builds = join(home, "builds");
    this.containers = join(home, "containers");
    this.statCache = join(home, "stat-cache");
    this.leases = join(home, "leases");
    this.temp = join(home, "tmp");
    this.reserve = join(home, "reserve");
    this.secretKey = join(home, "secret.key");
    this.gcLock = join(this.leases, "gc.lock");
    this.indexLock = join(this.leases, "index.lock");
    this.sweepLock = join(this.leases, "sweep.lock");
    this.treeLock = join(this.leases, "tree.lock");
    this.containersLock = join(this.leases, "containers.lock");
  }

  imageBlob(digest: Digest): string {
    return join(this.imageBlobs, hexOf(digest));
  }

  cacheBlob(digest: Digest): string {
    return join(this.cacheBlobs, hexOf(digest));
  }

  image(id: Digest): string {
    return join(this.images, `${hexOf(id)}.json`);
  }

  /** Twenty digits: overlay options are limited in length, and 80 bits tell any two stacks of one store apart. */
  layer(chainId: ChainId): string {
    return join(this.layers, hexOf(chainId).slice(0, 20));
  }

  record(id: CacheKeyId): string {
    const hex = id.startsWith("sha256:") ? id.slice("sha256:".length) : id;
    if (!/^[0-9a-zA-Z_-]{3,128}$/.test(hex)) throw new Error(`not a cache key id: ${id}`);
    return join(this.records, hex.slice(0, 2), `${hex}.json`);
  }

  listing(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.listings, hex.slice(0, 2), hex);
  }

  /**
   * Full names hold `/` and `:`, and may be longer than a file name; tags differ by case, which not every file system keeps
   * apart. `docker.io/library/hello:1.0.0` is `docker.io+library+hello=1.0.0.json`.
   */
  ref(fullName: string): string {
    const safe = fullName
      .replaceAll(/[^a-z0-9._/:-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
      .replaceAll("/", "+")
      .replaceAll(":", "=");
    const short = safe.length <= 180 ? safe : `${safe.slice(0, 100)}%${sha256(fullName)}`;
    return join(this.refs, `${short}.json`);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
