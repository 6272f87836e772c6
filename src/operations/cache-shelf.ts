import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { hexOf, parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { formatFull } from "../core/reference.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { CachePlace } from "./cache-spec.ts";

/** One result as it lies in a shared place. */
export interface ShelvedEntry {
  readonly record: Buffer;
  readonly blob: Descriptor | undefined;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** What is put there: the bytes of the blob from an offset on. */
export interface EntryToShelve {
  readonly record: Buffer;
  readonly blob:
    | { readonly descriptor: Descriptor; readonly open: (start: number) => AsyncIterable<Uint8Array> }
    | undefined;
}

/** A place that several machines share results in. An entry that can be found is whole; writers never disturb each other. */
export interface CacheShelf {
  /** For messages: the name, the folder. */
  readonly name: string;
  /** How an entry is called there. */
  entryName(key: string): string;
  find(key: string, signal: AbortSignal): Promise<ShelvedEntry | undefined>;
  has(key: string, signal: AbortSignal): Promise<boolean>;
  put(key: string, entry: EntryToShelve, signal: AbortSignal): Promise<void>;
}

/** A shelf in a registry. `cache/foreign` where BuildKit's cache has that name. */
export async function openRegistryShelf(
  client: RegistryClient,
  { reference }: Extract<CachePlace, { readonly type: "registry" }>,
  signal: AbortSignal,
): Promise<CacheShelf> {
  const entries = await import("../registry/cache-entries.ts");
  await entries.refuseForeignCache(client, reference, signal);
  return {
    name: formatFull(reference),
    entryName: (key) => `${formatFull(reference)}.${key}`,
    find: (key, stop) => entries.findCacheEntry(client, { reference, key }, stop),
    has: (key, stop) => entries.hasCacheEntry(client, { reference, key }, stop),
    put: (key, entry, stop) => entries.putCacheEntry(client, { reference, key }, entry, stop),
  };
}

/** A folder can say what it holds. */
export interface FolderShelf extends CacheShelf {
  keys(): readonly string[];
}

const FORMAT_FILE = "tsbuild-cache.json";
const FORMAT = `${JSON.stringify({ format: 1 })}\n`;

/** `<folder>/records/<key>.json` and `<folder>/blobs/sha256/<digest>`; every file whole or not there. */
export async function openFolderShelf(
  folder: string,
  { create }: { readonly create: boolean },
): Promise<FolderShelf> {
  await checkFolder(folder, create);
  const recordPath = (key: string) => join(folder, "records", `${key}.json`);
  const blobPath = (digest: Descriptor["digest"]) => join(folder, "blobs", "sha256", hexOf(digest));
  const has = (key: string) => existsSync(recordPath(key));
  return {
    name: folder,
    entryName: recordPath,
    has: (key) => Promise.resolve(has(key)),
    keys: () =>
      existsSync(join(folder, "records"))
        ? readdirSync(join(folder, "records")).flatMap(
            (name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? [],
          )
        : [],
    find: (key) => {
      if (!has(key)) return Promise.resolve(undefined);
      const { record, blob } = readEntry(readFileSync(recordPath(key)), recordPath(key));
      const bytes = () => (blob === undefined ? [] : createReadStream(blobPath(blob.digest)));
      return Promise.resolve({
        record,
        blob,
        open: async function* () {
          yield* bytes();
        },
      });
    },
    put: async (key, { record, blob }) => {
      if (blob !== undefined && !existsSync(blobPath(blob.descriptor.digest)))
        await copyBlob(folder, blobPath(blob.descriptor.digest), blob);
      const text = JSON.stringify({
        record: JSON.parse(record.toString("utf8")),
        blob: blob?.descriptor ?? null,
      });
      writeFileAtomic(recordPath(key), `${text}\n`, { tempDir: join(folder, "tmp"), sync: true });
    },
  };
}

async function checkFolder(folder: string, create: boolean): Promise<void> {
  const format = join(folder, FORMAT_FILE);
  if (existsSync(format)) {
    if (readFileSync(format, "utf8") !== FORMAT)
      throw new BuildError("store/newer-format", `${folder} is a cache of a newer tsbuild`, {
        hint: "Use that one, or another folder.",
      });
    if (create) mkdirSync(join(folder, "tmp"), { recursive: true });
    return;
  }
  if (existsSync(join(folder, "index.json"))) {
    const { foreignCache } = await import("../registry/cache-entries.ts");
    throw foreignCache(folder);
  }
  if (!create) {
    throw new BuildError("cache/not-found", `there is no cache in ${folder}`, {
      hint: "It is made by --cache-to type=local,dest=FOLDER.",
    });
  }
  mkdirSync(join(folder, "tmp"), { recursive: true });
  writeFileAtomic(format, FORMAT, { tempDir: join(folder, "tmp"), sync: true });
}

async function copyBlob(
  folder: string,
  path: string,
  { descriptor, open: read }: NonNullable<EntryToShelve["blob"]>,
): Promise<void> {
  const temp = join(folder, "tmp", randomUUID());
  const hash = createHash("sha256");
  try {
    {
      await using file = await open(temp, "wx");
      for await (const piece of read(0)) {
        hash.update(piece);
        await file.writeFile(piece);
      }
      await file.sync();
    }
    const digest = `sha256:${hash.digest("hex")}`;
    if (digest !== descriptor.digest)
      throw new BuildError("store/damaged", `blob ${descriptor.digest} in the store is damaged`);
    mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
    await rename(temp, path);
  } finally {
    rmSync(temp, { force: true });
  }
}

function readEntry(
  bytes: Buffer,
  path: string,
): { readonly record: Buffer; readonly blob: Descriptor | undefined } {
  const damaged = () => new BuildError("store/damaged", `${path} is no result of a build step`);
  let json: { readonly record?: unknown; readonly blob?: Partial<Descriptor> | null };
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw damaged();
  }
  const record = Buffer.from(JSON.stringify(json.record ?? null), "utf8");
  if (json.blob === null || json.blob === undefined) return { record, blob: undefined };
  const digest = parseDigest(String(json.blob.digest));
  if (digest === undefined || typeof json.blob.size !== "number") throw damaged();
  return {
    record,
    blob: { mediaType: json.blob.mediaType ?? MEDIA_TYPE.ociLayer, digest, size: json.blob.size },
  };
}
