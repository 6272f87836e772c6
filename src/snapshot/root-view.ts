import { createHash } from "node:crypto";
import { type BytePath, compareBytes, joinPath } from "../core/byte-path.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import type { FileFacts, FileTree, Listing, ListingRow, TocEntry } from "../core/file-tree.ts";
import { encodeListing } from "../core/listing.ts";
import { tocEntry } from "../layer/toc.ts";
import type { LayerIndex } from "./layer-index.ts";
import { resolveInTree } from "./resolve.ts";

/** One layer as a RootView reads it: its table of contents by path, and the bytes of its files. */
export interface LayerContents {
  readonly index: LayerIndex;
  readonly read: (entry: TocEntry) => Iterable<Uint8Array>;
}

/** Where a path's inode stands. */
interface Found {
  /** Layer, counted from the bottom. */
  readonly layer: number;
  /** Row with the facts; undefined: a directory that no layer lists. */
  readonly row: number | undefined;
}

/**
 * The merged file system of a stack of layers, from their tables of contents alone: no disk tree, no mount, no privilege.
 * Whiteouts and opaque directories hide what lies below; a directory that no layer lists (only its children are) is 0755
 * root. Made in no time: a question goes down the stack until a layer answers it.
 */
export class RootView implements FileTree {
  /** Bottom layer first. */
  readonly #layers: readonly LayerContents[];
  readonly #merkles = new Map<BytePath, Digest>();
  readonly #listings = new Map<BytePath, Listing>();

  /** Bottom layer first. */
  constructor(layers: readonly LayerContents[]) {
    this.#layers = layers;
  }

  facts(path: BytePath): FileFacts | undefined {
    const found = this.#find(path);
    return found === undefined ? undefined : this.#factsOf(found);
  }

  resolve(path: BytePath, followLast: boolean): BytePath | undefined {
    return resolveInTree(this, path, followLast);
  }

  names(dir: BytePath): readonly string[] {
    const names = new Set<string>();
    const hidden = new Set<string>();
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const index = this.#layers[i]?.index;
      if (index === undefined) break;
      const answer = index.answer(dir);
      if (answer.type === "hidden") break;
      if (answer.type === "row" && index.toc.kinds[answer.row] !== "d") break;
      for (const name of index.names(dir)) if (!hidden.has(name)) names.add(name);
      for (const name of index.removedFrom(dir)) if (!names.has(name)) hidden.add(name);
      if (index.replaces(dir)) break;
    }
    return [...names].toSorted(compareBytes);
  }

  contentDigest(path: BytePath): Digest {
    const { digest } = this.#entryOf(path);
    if (digest === undefined) throw new Error(`no regular file: ${path}`);
    return digest;
  }

  read(path: BytePath): Iterable<Uint8Array> {
    const found = this.#find(path);
    const layer = found === undefined ? undefined : this.#layers[found.layer];
    if (layer === undefined) throw new Error(`no regular file: ${path}`);
    return layer.read(this.#entryOf(path));
  }

  merkle(path: BytePath): Digest {
    const known = this.#merkles.get(path);
    if (known !== undefined) return known;
    const listing = this.listing(path) ?? { rows: [this.#row("", path)] };
    const digest = sha256(encodeListing(listing));
    this.#merkles.set(path, digest);
    return digest;
  }

  listing(dir: BytePath): Listing | undefined {
    const known = this.#listings.get(dir);
    if (known !== undefined) return known;
    if (this.facts(dir)?.type !== "dir") return undefined;
    const listing = { rows: this.names(dir).map((name) => this.#row(name, joinPath(dir, name))) };
    this.#listings.set(dir, listing);
    return listing;
  }

  #row(name: string, path: BytePath): ListingRow {
    const facts = this.facts(path);
    if (facts === undefined) throw new Error(`no such path: ${path}`);
    const { type, mode, uid, gid, size } = facts;
    const row = { name, type, mode, uid, gid, size };
    const xattrs =
      facts.xattrs === undefined ? {} : { xattrsDigest: sha256(JSON.stringify(sortedPairs(facts.xattrs))) };
    if (type === "dir") return { ...row, digest: this.merkle(path), ...xattrs };
    if (type === "symlink") return { ...row, digest: sha256(facts.target ?? ""), ...xattrs };
    if (type === "char" || type === "block")
      return { ...row, device: `${facts.major}:${facts.minor}`, ...xattrs };
    return type === "file" ? { ...row, digest: this.contentDigest(path), ...xattrs } : { ...row, ...xattrs };
  }

  #entryOf(path: BytePath): TocEntry {
    const found = this.#find(path);
    const index = found === undefined ? undefined : this.#layers[found.layer]?.index;
    if (found?.row === undefined || index === undefined) throw new Error(`no regular file: ${path}`);
    return tocEntry(index.toc, found.row);
  }

  /** Down the stack, until a layer knows the path or hides it. */
  #find(path: BytePath): Found | undefined {
    let implicit: Found | undefined;
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const index = this.#layers[i]?.index;
      const answer = index?.answer(path);
      if (index === undefined || answer === undefined || answer.type === "hidden") break;
      if (answer.type === "row") {
        // A directory that an upper layer only implies keeps the facts of the one below; anything else there is replaced.
        if (implicit !== undefined && index.toc.kinds[answer.row] !== "d") break;
        return { layer: i, row: index.inodeRow(answer.row) };
      }
      if (answer.type === "implicit") {
        implicit ??= { layer: i, row: undefined };
        if (index.replaces(path)) break;
      }
    }
    return implicit ?? (path === "" ? { layer: 0, row: undefined } : undefined);
  }

  #factsOf({ layer, row }: Found): FileFacts {
    const index = this.#layers[layer]?.index;
    if (row === undefined || index === undefined) return UNLISTED;
    const { kind, mode, uid, gid, size, mtimeSeconds, mtimeNanos, target, major, minor, xattrs } = tocEntry(
      index.toc,
      row,
    );
    if (kind === "hardlink" || kind === "whiteout" || kind === "opaque")
      throw new Error(`${kind} is no inode`);
    return {
      type: kind,
      mode,
      uid,
      gid,
      size: kind === "file" ? size : 0,
      mtimeSeconds,
      mtimeNanos,
      ...(target === undefined ? {} : { target }),
      ...(major === undefined ? {} : { major }),
      ...(minor === undefined ? {} : { minor }),
      ...(xattrs === undefined ? {} : { xattrs }),
      ...this.#linkGroup(layer, row),
    };
  }

  /** Names of an inode that upper layers have replaced or removed do not count. */
  #linkGroup(layer: number, row: number): { readonly linkGroup?: number } {
    const index = this.#layers[layer]?.index;
    const links = index?.linksOf(row);
    if (index === undefined || links === undefined) return {};
    const alive = links.rows.filter((link) => {
      const path = index.toc.paths[link];
      const found = path === undefined ? undefined : this.#find(path);
      return found?.layer === layer && found.row === links.first;
    });
    return alive.length > 1 ? { linkGroup: layer * 2 ** 32 + links.first } : {};
  }
}

const UNLISTED: FileFacts = {
  type: "dir",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
};

function sortedPairs(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => compareBytes(a, b));
}

function sha256(latin1: string): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(latin1, "latin1").digest("hex")}`);
}
