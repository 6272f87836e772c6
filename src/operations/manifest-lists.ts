import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatFull, parseReference } from "../core/reference.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import type { FetchedDocument } from "../registry/fetch-document.ts";
import { readSealed, seal } from "../store/sealed-json.ts";
import { type CopyHow, requireTarget } from "./copy-image.ts";
import {
  encodeIndex,
  entriesOf,
  type IndexEntry,
  type IndexPlatform,
  isEntry,
  refuseTwins,
} from "./index-document.ts";
import { openClient } from "./pull-image.ts";
import type { AskHow } from "./registry-tags.ts";
import type { Workshop } from "./workshop.ts";

/** A list being put together on this machine, before it is pushed: `manifest-lists/<hash of its name>.json` of the store. */
interface ManifestList {
  readonly schema: 1;
  /** Full, with a tag. */
  readonly name: string;
  readonly entries: readonly ListedManifest[];
}

interface ListedManifest {
  /** Where it is, full. */
  readonly from: string;
  readonly entry: IndexEntry;
}

/** Begins a list, or with `amend` adds to one. The answer is its full name. */
export async function createManifestList(
  name: string,
  images: readonly string[],
  how: AskHow & { readonly amend: boolean; readonly shop: Workshop },
): Promise<string> {
  const full = formatFull(requireTarget(name));
  const before = read(full, how.shop);
  if (before !== undefined && !how.amend) {
    throw new BuildError("cli/usage", `there is a list ${full} already`, {
      hint: `Add to it with --amend, or begin anew: tsbuild manifest rm ${name}`,
    });
  }
  const added: ListedManifest[] = [];
  await using client = await openClient({ ...how, emit: () => undefined });
  const { fetchDocument } = await import("../registry/fetch-document.ts");
  for (const image of images) {
    const fetched = await fetchDocument(client, parseReference(image), { signal: how.signal });
    if (fetched.document.kind === "index") {
      throw new BuildError("cli/usage", `${image} is a list itself`, {
        hint: "Name its images by digest, or combine lists with: tsbuild imagetools create",
      });
    }
    const from = formatFull(fetched.reference);
    added.push(...(await entriesOf(client, fetched, how.signal)).map((entry) => ({ from, entry })));
  }
  const kept = (before?.entries ?? []).filter(
    ({ entry }) => !added.some(({ entry: { digest } }) => digest === entry.digest),
  );
  write({ schema: 1, name: full, entries: [...kept, ...added] }, how.shop);
  return full;
}

/** Says for which machines an image of a list is. */
export function annotateManifestList(
  name: string,
  image: string,
  { platform, shop }: { readonly platform: Partial<IndexPlatform>; readonly shop: Workshop },
): void {
  const list = requireList(name, shop);
  const wanted = formatFull(requireNamed(image));
  if (!list.entries.some(({ from }) => from === wanted)) {
    throw new BuildError("image/not-found", `${wanted} is not in the list ${list.name}`, {
      hint: `It has: ${list.entries.map(({ from }) => from).join(", ")}`,
    });
  }
  const entries = list.entries.map((one) => {
    if (one.from !== wanted) return one;
    const before = one.entry.platform ?? { architecture: "", os: "" };
    return { ...one, entry: { ...one.entry, platform: { ...before, ...platform } } };
  });
  write({ ...list, entries }, shop);
}

/** Brings a list's images into its repository and puts the list there. The answer is its digest. */
export async function pushManifestList(
  name: string,
  how: CopyHow & { readonly purge: boolean; readonly shop: Workshop },
): Promise<Digest> {
  const list = requireList(name, how.shop);
  const entries = list.entries.map(({ entry }) => entry);
  refuseTwins(entries);
  const { blobsOf, collectTree, toPush } = await import("../registry/copy-image.ts");
  const { fetchDocument } = await import("../registry/fetch-document.ts");
  const { pushImage } = await import("../registry/push.ts");
  await using client = await openClient(how);
  const target = requireTarget(name);
  const parts: FetchedDocument[] = [];
  for (const { from, entry } of list.entries) {
    const reference = { ...parseReference(from), tag: undefined, digest: entry.digest };
    const fetched = await fetchDocument(client, reference, { signal: how.signal });
    parts.push(...(await collectTree(client, fetched, how.signal)));
  }
  const blobs = parts.flatMap((one) => blobsOf(client, one, target));
  const documents = [...parts.map(toPush), encodeIndex(entries)];
  const digest = await pushImage(
    client,
    target,
    { blobs, documents },
    { emit: how.emit, signal: how.signal },
  );
  if (how.purge) removeManifestList(name, how.shop);
  return digest;
}

export function removeManifestList(name: string, shop: Workshop): void {
  const { name: full } = requireList(name, shop);
  rmSync(pathOf(full, shop), { force: true });
}

/** The document that a push would put; undefined where there is no such list here. */
export function findManifestList(name: string, shop: Workshop): Buffer | undefined {
  const reference = parseReference(name);
  const list = reference.digest === undefined ? read(formatFull(requireTarget(name)), shop) : undefined;
  return list === undefined ? undefined : encodeIndex(list.entries.map(({ entry }) => entry)).bytes;
}

function requireList(name: string, shop: Workshop): ManifestList {
  const full = formatFull(requireTarget(name));
  const list = read(full, shop);
  if (list !== undefined) return list;
  throw new BuildError("image/not-found", `there is no list ${full} on this machine`, {
    hint: `Begin one: tsbuild manifest create ${name} IMAGE… (${listNames(shop)})`,
  });
}

function listNames(shop: Workshop): string {
  try {
    const names = readdirSync(shop.store.paths.manifestLists);
    const found = names.map((name) => readSealed(join(shop.store.paths.manifestLists, name), isList));
    return `there are: ${found.flatMap((file) => (file.state === "good" ? [file.value.name] : [])).join(", ")}`;
  } catch {
    return "there are none yet";
  }
}

function requireNamed(image: string) {
  const reference = parseReference(image);
  return reference.digest === undefined && reference.tag === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}

function read(full: string, shop: Workshop): ManifestList | undefined {
  const path = pathOf(full, shop);
  const file = readSealed(path, isList);
  if (file.state !== "damaged") return file.state === "good" ? file.value : undefined;
  throw new BuildError("store/damaged", `the list ${full} is damaged: ${path}`, {
    hint: "Remove the file, and create the list again.",
  });
}

function write(list: ManifestList, shop: Workshop): void {
  using lease = shop.store.openLease("manifest");
  writeFileAtomic(pathOf(list.name, shop), seal(list), { tempDir: lease.dir, sync: true });
}

function pathOf(full: string, shop: Workshop): string {
  const hex = createHash("sha256").update(full).digest("hex");
  return join(shop.store.paths.manifestLists, `${hex.slice(0, 32)}.json`);
}

function isList(value: unknown): value is ManifestList {
  if (typeof value !== "object" || value === null || !("entries" in value) || !("name" in value))
    return false;
  return typeof value.name === "string" && Array.isArray(value.entries) && value.entries.every(isListed);
}

function isListed(value: unknown): value is ListedManifest {
  return (
    typeof value === "object" && value !== null && "from" in value && "entry" in value && isEntry(value.entry)
  );
}
