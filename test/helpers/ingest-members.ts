import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Digest, requireDigest } from "../../src/core/digest.ts";
import type { TocEntry } from "../../src/core/file-tree.ts";
import { type IngestedLayer, type IngestOptions, ingestLayer } from "../../src/layer/ingest.ts";
import { type Toc, tocEntries } from "../../src/layer/toc.ts";
import { listDisk } from "./list-disk.ts";
import { buildTar, inPieces, type Member } from "./tar-builder.ts";
import { tempDir } from "./temp-dir.ts";

export const isRoot = process.geteuid?.() === 0;
/** The opaque mark that this process may set. */
export const overlay = isRoot ? "trusted" : "user";

export interface Ingested extends IngestedLayer {
  /** The tree, as listDisk tells it. */
  readonly disk: string[];
  readonly entries: TocEntry[];
  /** The table, as `kind path`. */
  readonly names: string[];
}

/** Takes the members in, as table and as tree. */
export async function ingestMembers(
  members: readonly Member[],
  options: IngestOptions = {},
): Promise<Ingested> {
  using temp = tempDir("ingest");
  const tree = join(temp.path, "tree");
  const layer = await ingestLayer(inPieces(buildTar(...members), 700), {
    tree: { dir: tree, overlay },
    ...options,
  });
  return { ...layer, disk: listDisk(tree), entries: [...tocEntries(layer.toc)], names: namesOf(layer.toc) };
}

export function namesOf(toc: Toc): string[] {
  return [...tocEntries(toc)].map(({ kind, path }) => `${kind} ${path}`);
}

export function sha256(bytes: Buffer): Digest {
  return requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
}
