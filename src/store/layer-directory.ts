import { hash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../core/descriptor.ts";
import { type ChainId, type ContentChain, type DiffId, type Digest, requireDigest } from "../core/digest.ts";
import { uniqueName, withParent, writeFileAtomic } from "../host/atomic-write.ts";
import { readBootId } from "../host/boot-id.ts";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import type { BlobDirectory } from "./blob-directory.ts";
import { digestOf } from "./blob-directory.ts";
import { guardDisk } from "./disk-errors.ts";
import { readSealed, seal } from "./sealed-json.ts";
import { isCount, isDigestText, isListOf, isObject, isText } from "./shapes.ts";
import type { StoreParts } from "./store-parts.ts";
import { withLock } from "./with-lock.ts";

/** What the store knows of a layer over what lies below it. */
export interface StoredLayer {
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Content chain of the stack up to this layer. */
  readonly content: ContentChain;
  /** Blobs that hold the layer, in any compression; the uncompressed tar has the diff id as its digest. */
  readonly blobs: readonly Pick<Descriptor, "mediaType" | "digest" | "size">[];
}

export interface TreeMarker {
  /** The id mapping that the tree was made under, as text; "" where ids are the machine's own. */
  readonly mapping: string;
  /** True where the whole tree was synced: it outlives a reboot then. */
  readonly synced: boolean;
  /** The tree holds only what differs from that layer's tree, which has to lie right below it. */
  readonly over?: ChainId | undefined;
}

interface LayerFile extends StoredLayer {
  readonly schema: 1;
  readonly toc: { readonly digest: Digest; readonly size: number };
}

/**
 * `layers/<20 digits of the chain id>/`: `layer.json`, `toc` and trees. All of it can be made again from the blob, so nothing
 * is synced; digests tell what a power cut left.
 */
export class LayerDirectory {
  readonly #parts: StoreParts;
  readonly #blobs: BlobDirectory;

  constructor(parts: StoreParts, blobs: BlobDirectory) {
    this.#parts = parts;
    this.#blobs = blobs;
  }

  /** Undefined where it is unknown or damaged. No promise that the blobs are there: see `claim`. */
  read(chainId: ChainId): StoredLayer | undefined {
    return this.#read(chainId);
  }

  /** The table of contents as it was given; undefined where it is missing or damaged: read the tar again. */
  readToc(chainId: ChainId): Buffer | undefined {
    const layer = this.#read(chainId);
    if (layer === undefined) return undefined;
    const path = join(this.#dir(chainId), "toc");
    const bytes = readIfThere(path);
    if (bytes !== undefined && digestOf(bytes) === layer.toc.digest) return bytes;
    this.#parts.warn(`table of contents ${path} is damaged or missing; its layer is read again`);
    return undefined;
  }

  /** Writes or replaces a layer's facts and its table of contents. Blobs noted earlier stay noted. */
  write(layer: StoredLayer, toc: Uint8Array): void {
    const { paths, leases } = this.#parts;
    const dir = this.#dir(layer.chainId);
    const before = this.#read(layer.chainId);
    const file: LayerFile = {
      schema: 1,
      diffId: layer.diffId,
      chainId: layer.chainId,
      size: layer.size,
      content: layer.content,
      blobs: merge(before?.blobs ?? [], layer.blobs),
      toc: { digest: digestOf(toc), size: toc.byteLength },
    };
    using lease = leases.open("write");
    const how = { tempDir: lease.dir, sync: false };
    guardDisk(paths, () => {
      writeFileAtomic(join(dir, "toc"), toc, how);
      writeFileAtomic(join(dir, "layer.json"), seal(file), how);
    });
  }

  /** Notes that a layer is held by further blobs (a pulled one unpacked, a built one compressed for a push). */
  addBlobs(chainId: ChainId, blobs: StoredLayer["blobs"]): void {
    const before = this.#read(chainId);
    if (before === undefined) return;
    const merged = merge(before.blobs, blobs);
    if (merged.length === before.blobs.length) return;
    const { paths, leases } = this.#parts;
    using lease = leases.open("write");
    const path = join(this.#dir(chainId), "layer.json");
    guardDisk(paths, () =>
      writeFileAtomic(path, seal({ ...before, blobs: merged }), { tempDir: lease.dir, sync: false }),
    );
  }

  /**
   * A layer about to be reused: from here on it and its blobs stay while the lease in hand lives. Lists only blobs that are
   * there; undefined where the layer is unknown, damaged or has none left.
   */
  claim(chainId: ChainId): StoredLayer | undefined {
    const layer = this.#read(chainId);
    if (layer === undefined) return undefined;
    if (!this.#parts.claims.claimOne(join(this.#dir(chainId), "layer.json"))) return undefined;
    const blobs = layer.blobs.filter((blob) => this.#blobs.claim(blob.digest));
    return blobs.length === 0 ? undefined : { ...layer, blobs };
  }

  /** The layer's directory tree, claimed; undefined where there is none for this mapping, or one that a reboot may have torn. */
  treeOf(chainId: ChainId, mapping: string): string | undefined {
    const tree = this.#treePath(chainId, mapping);
    const marker = readSealed(`${tree}.json`, isMarkerFile);
    if (marker.state !== "good" || marker.value.mapping !== mapping) return undefined;
    if (!marker.value.synced && marker.value.bootId !== (readBootId() ?? "")) return undefined;
    if (!this.#parts.claims.claimOne(`${tree}.json`) || !existsSync(tree)) return undefined;
    this.#parts.claims.claimOne(join(this.#dir(chainId), "layer.json"));
    return tree;
  }

  /**
   * The directories that together are the layer's tree, topmost first: one, or a difference and the tree it stands on. Undefined
   * as with treeOf, and where what it stands on is gone.
   */
  treesOf(chainId: ChainId, mapping: string): readonly string[] | undefined {
    const tree = this.treeOf(chainId, mapping);
    if (tree === undefined) return undefined;
    const marker = readSealed(`${tree}.json`, isMarkerFile);
    if (marker.state !== "good") return undefined;
    if (marker.value.over === undefined) return [tree];
    const below = this.treesOf(marker.value.over, mapping);
    return below?.length === 1 ? [tree, ...below] : undefined;
  }

  /**
   * Makes `dir` (on the store's file system, as `Lease.makeTemp` gives) the layer's tree. False where another was faster: `dir`
   * is left then. The marker comes last, so that a tree cut short is never taken for whole.
   */
  commitTree(chainId: ChainId, dir: string, marker: TreeMarker): boolean {
    const { paths, leases } = this.#parts;
    const tree = this.#treePath(chainId, marker.mapping);
    using lease = leases.open("write");
    using lock = new LockFile(paths.treeLock);
    // Under a lock: a tree that another command has just made may be the lower of its mount already.
    return withLock(paths, lock, "exclusive", () =>
      guardDisk(paths, () => {
        if (this.treesOf(chainId, marker.mapping) !== undefined) return false;
        mkdirSync(this.#dir(chainId), { recursive: true, mode: 0o700 });
        rmSync(`${tree}.json`, { force: true });
        moveIfThere(tree, join(lease.dir, uniqueName()));
        withParent(tree, () => renameSync(dir, tree));
        const { mapping, synced, over } = marker;
        const file = {
          schema: 1,
          bootId: readBootId() ?? "",
          mapping,
          synced,
          ...(over === undefined ? {} : { over }),
        };
        writeFileAtomic(`${tree}.json`, seal(file), { tempDir: lease.dir, sync: false });
        return true;
      }),
    );
  }

  /** Every layer folder, with its facts where they can be read. */
  *entries(): Generator<{ readonly dir: string; readonly layer: StoredLayer | undefined }> {
    const { layers } = this.#parts.paths;
    let names: readonly string[] = [];
    try {
      names = readdirSync(layers);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    for (const name of names) {
      const dir = join(layers, name);
      const file = readSealed(join(dir, "layer.json"), isLayerFile);
      yield { dir, layer: file.state === "good" ? file.value : undefined };
    }
  }

  #read(chainId: ChainId): LayerFile | undefined {
    const path = join(this.#dir(chainId), "layer.json");
    const file = readSealed(path, isLayerFile);
    if (file.state === "good" && file.value.chainId === chainId) return file.value;
    if (file.state !== "absent") this.#parts.warn(`layer ${path} is damaged; it is read again`);
    return undefined;
  }

  #dir(chainId: ChainId): string {
    return this.#parts.paths.layer(chainId);
  }

  #treePath(chainId: ChainId, mapping: string): string {
    return join(this.#dir(chainId), mapping === "" ? "tree" : `tree-${hash("sha256", mapping).slice(0, 6)}`);
  }
}

function merge(before: StoredLayer["blobs"], more: StoredLayer["blobs"]): StoredLayer["blobs"] {
  const known = new Set(before.map((blob) => blob.digest));
  const added = more.filter((blob) => !known.has(blob.digest));
  return [...before, ...added].map(({ mediaType, digest, size }) => ({
    mediaType,
    digest: requireDigest(digest),
    size,
  }));
}

/** A tree without a valid marker: of a command that died between the two, or of another boot. */
function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isLayerFile(value: unknown): value is LayerFile {
  return (
    isObject(value) &&
    value["schema"] === 1 &&
    isDigestText(value["diffId"]) &&
    isDigestText(value["chainId"]) &&
    isDigestText(value["content"]) &&
    isCount(value["size"]) &&
    isListOf(value["blobs"], isBlob) &&
    isObject(value["toc"]) &&
    isDigestText(value["toc"]["digest"])
  );
}

function isBlob(value: unknown): value is StoredLayer["blobs"][number] {
  return (
    isObject(value) && isDigestText(value["digest"]) && isText(value["mediaType"]) && isCount(value["size"])
  );
}

interface MarkerFile extends TreeMarker {
  readonly bootId: string;
}

function isMarkerFile(value: unknown): value is MarkerFile {
  return (
    isObject(value) &&
    isText(value["bootId"]) &&
    isText(value["mapping"]) &&
    typeof value["synced"] === "boolean" &&
    (value["over"] === undefined || isDigestText(value["over"]))
  );
}
