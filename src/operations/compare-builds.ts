import { decodePath } from "../core/byte-path.ts";
import type { FileTree, TocEntry } from "../core/file-tree.ts";
import type { LayerRef } from "../core/ports.ts";
import { parseConfig } from "../image/parse.ts";
import { type Toc, tocEntries } from "../layer/toc.ts";
import { readLayerFile } from "../steps/read-layer-file.ts";
import type { BuiltImage } from "./assemble-image.ts";
import type { Workshop } from "./workshop.ts";

/** One thing that two builds of the same do not agree in. */
export interface Difference {
  /** `layer 3 (RUN date > /now)`, `config`. */
  readonly place: string;
  /** A path of the layer, or a field of the configuration: `/now`, `history[3].created`. */
  readonly subject: string;
  /** `content from byte 11 on`, `mtime`; of a field of the configuration "". */
  readonly what: string;
  readonly first: string;
  readonly second: string;
}

/** Bytes that are shown of a content from where it differs. */
const SHOWN_BYTES = 32;

/** What differs between two images of one build: paths of layers bottom first and in byte order, then fields of the configuration. */
export async function compareBuilds(
  first: BuiltImage,
  second: BuiltImage,
  shop: Workshop,
): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  const makers = layerMakers(first);
  for (const [i, layer] of first.layers.entries()) {
    const other = second.layers[i];
    if (other === undefined || other.diffId === layer.diffId) continue;
    const maker = makers[i];
    const place = `layer ${i + 1}${maker === undefined ? "" : ` (${maker})`}`;
    found.push(...(await compareLayers(layer, other, { place, shop })));
  }
  if (first.layers.length !== second.layers.length) {
    const counts = [first, second].map(({ layers }) => String(layers.length));
    found.push({
      place: "image",
      subject: "layers",
      what: "count",
      first: counts[0] ?? "",
      second: counts[1] ?? "",
    });
  }
  const documents = [first, second].map(({ config }): unknown => JSON.parse(config.bytes.toString("utf8")));
  const fields = compareFields("", documents[0], documents[1]);
  // The layers' digests follow from what is in them.
  return [...found, ...fields.filter(({ subject }) => !subject.startsWith("rootfs.diff_ids"))];
}

/** The history row that made each layer. */
function layerMakers({ config }: BuiltImage): readonly (string | undefined)[] {
  return parseConfig(config.bytes)
    .history.filter((row) => row.empty_layer !== true)
    .map((row) => row.created_by);
}

interface At {
  readonly place: string;
  readonly shop: Workshop;
}

async function compareLayers(first: LayerRef, second: LayerRef, at: At): Promise<readonly Difference[]> {
  const { shop } = at;
  for (const layer of [first, second]) await shop.shelf.makeReadable(layer);
  const [a, b] = [first, second].map(
    (layer) => new Map([...tocEntries(shop.shelf.toc(layer))].map((row) => [keyOf(row), row])),
  );
  if (a === undefined || b === undefined) throw new Error("two layers were compared");
  const found: Difference[] = [];
  for (const key of [...new Set([...a.keys(), ...b.keys()])].toSorted()) {
    const [old, now] = [a.get(key), b.get(key)];
    const subject = `/${decodePath((old ?? now)?.path ?? "")}`;
    const { place } = at;
    if (old === undefined || now === undefined) {
      const [was, is] = [old, now].map((row) => (row === undefined ? "absent" : row.kind));
      found.push({ place, subject, what: "presence", first: was ?? "", second: is ?? "" });
      continue;
    }
    found.push(...compareFacts(old, now).map((fact) => ({ place, subject, ...fact })));
    if (old.digest !== now.digest)
      found.push({
        place,
        subject,
        ...contentDifference(readerOf(first, old, shop), readerOf(second, now, shop)),
      });
  }
  return found.length > 0
    ? found
    : [{ place: at.place, subject: "the tar", what: "bytes", first: first.diffId, second: second.diffId }];
}

/** A whiteout and an entry may have one path. */
function keyOf({ path, kind }: TocEntry): string {
  return `${path}\0${kind === "whiteout" || kind === "opaque" ? kind : ""}`;
}

type Fact = Pick<Difference, "what" | "first" | "second">;

function compareFacts(first: TocEntry, second: TocEntry): readonly Fact[] {
  const [a, b] = [factsOf(first), factsOf(second)];
  return Object.keys(a).flatMap((what) => {
    const [was = "", is = ""] = [a[what], b[what]];
    return was === is ? [] : [{ what, first: was, second: is }];
  });
}

function factsOf(row: TocEntry): Readonly<Record<string, string>> {
  const time = new Date(row.mtimeSeconds * 1000).toISOString().replace(/\.000Z$/, "");
  return {
    type: row.kind,
    mode: row.mode.toString(8),
    owner: `${row.uid}:${row.gid}`,
    target: row.target === undefined ? "" : decodePath(row.target),
    device: row.major === undefined ? "" : `${row.major}:${row.minor}`,
    xattrs: Object.keys(row.xattrs ?? {}).length === 0 ? "" : JSON.stringify(row.xattrs),
    mtime: `${time}${row.mtimeNanos === 0 ? "" : `.${String(row.mtimeNanos).padStart(9, "0")}`}Z`,
  };
}

function readerOf(layer: LayerRef, row: TocEntry, { shelf }: Workshop): Iterable<Uint8Array> {
  const bytes = shelf.bytes(layer);
  const toc: Toc = shelf.toc(layer);
  if (bytes === undefined) throw new Error("the layer was made readable above");
  return row.kind === "file" ? readLayerFile(bytes, row, toc) : [];
}

/** Where two contents part, and what stands there. */
function contentDifference(first: Iterable<Uint8Array>, second: Iterable<Uint8Array>): Fact {
  // Whole files: they are read only once a build has turned out not to be the same.
  const [a, b] = [first, second].map((pieces) => Buffer.concat([...copies(pieces)]));
  if (a === undefined || b === undefined) throw new Error("two contents were compared");
  const limit = Math.min(a.length, b.length);
  let at = 0;
  while (at < limit && a[at] === b[at]) at += 1;
  const [was, is] = [a, b].map((bytes) => shownBytes(bytes.subarray(at, at + SHOWN_BYTES)));
  return { what: `content from byte ${at} on`, first: was ?? "", second: is ?? "" };
}

function* copies(pieces: ReturnType<FileTree["read"]>): Iterable<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function shownBytes(bytes: Buffer): string {
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x09);
  return bytes.length === 0
    ? "(end)"
    : isText
      ? JSON.stringify(bytes.toString("latin1"))
      : bytes.toString("hex");
}

/** Fields of two JSON values that differ, by their path. */
function compareFields(path: string, first: unknown, second: unknown): readonly Difference[] {
  if (isNested(first) && isNested(second) && Array.isArray(first) === Array.isArray(second)) {
    const [a, b] = [new Map(Object.entries(first)), new Map(Object.entries(second))];
    return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) =>
      compareFields(fieldPath(path, key, Array.isArray(first)), a.get(key), b.get(key)),
    );
  }
  const [was, is] = [first, second].map((value) => JSON.stringify(value) ?? "absent");
  return was === is ? [] : [{ place: "config", subject: path, what: "", first: was ?? "", second: is ?? "" }];
}

function fieldPath(path: string, key: string, isList: boolean): string {
  if (isList) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
