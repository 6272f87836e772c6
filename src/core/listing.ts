import type { Listing, ListingRow } from "./file-tree.ts";

/**
 * The canonical text of a listing: a JSON line a row, fields in a fixed order, absent ones null. JSON escapes every
 * delimiter, so no two listings share an encoding.
 */
export function encodeListing(listing: Listing): string {
  return listing.rows.map((row) => JSON.stringify(toTuple(row))).join("\n");
}

export function decodeListing(text: string): Listing {
  if (text === "") return { rows: [] };
  return { rows: text.split("\n").map((line) => fromTuple(JSON.parse(line))) };
}

type Tuple = readonly [
  name: string,
  type: ListingRow["type"],
  mode: number,
  uid: number,
  gid: number,
  size: number,
  digest: ListingRow["digest"] | null,
  device: string | null,
  xattrs: ListingRow["xattrsDigest"] | null,
  link: string | null,
];

function toTuple(row: ListingRow): Tuple {
  return [
    row.name,
    row.type,
    row.mode,
    row.uid,
    row.gid,
    row.size,
    row.digest ?? null,
    row.device ?? null,
    row.xattrsDigest ?? null,
    row.link ?? null,
  ];
}

function fromTuple(tuple: Tuple): ListingRow {
  const [name, type, mode, uid, gid, size, digest, device, xattrsDigest, link] = tuple;
  return {
    name,
    type,
    mode,
    uid,
    gid,
    size,
    ...(digest ? { digest } : {}),
    ...(device ? { device } : {}),
    ...(xattrsDigest ? { xattrsDigest } : {}),
    ...(link ? { link } : {}),
  };
}
