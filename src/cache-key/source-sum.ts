import { createHash } from "node:crypto";
import type { KeyInput } from "../core/cache-key.ts";
import type { ListingRow } from "../core/file-tree.ts";
import { fields } from "./encode.ts";
import type { SourceEntry, SourceMaterial } from "./model.ts";

/** What a model reads of one entry: its facts as fields, in a fixed order. */
export type EntryFacts = (entry: SourceEntry, source: SourceMaterial) => readonly string[];

/** The rows a model reads of a source. A bug of the wiring where they were not given. */
export function entriesOf(source: SourceMaterial): readonly SourceEntry[] {
  if (source.entries === undefined) throw new Error(`the entries of ${source.path} were not read`);
  return [...source.entries()];
}

/**
 * A source as an input of another engine's key: the fields that `explain` reads (name, type, mode, owner, xattrs, address),
 * the address being the engine's own sum. The listing behind a folder is noted beside it.
 */
export function sourceInput(
  source: SourceMaterial,
  name: string,
  shown: { readonly row: ListingRow | undefined; readonly sum: string },
): KeyInput {
  const isDir = source.type === "dir";
  const { row, sum } = shown;
  const facts =
    isDir || row === undefined
      ? ["", "", ""]
      : [row.mode.toString(8), `${row.uid}:${row.gid}`, row.xattrsDigest ?? ""];
  return {
    kind: "files",
    subject: source.path,
    value: fields([name, source.type, ...facts, sum]),
    listing: source.digest,
  };
}

/** sha256 over a list, as hex. */
export function sumOf(values: readonly string[]): string {
  return createHash("sha256").update(fields(values)).digest("hex");
}
