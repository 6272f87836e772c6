import { createHash } from "node:crypto";
import type { RemoteMaterial } from "../cache-key/model.ts";
import { NO_RULES } from "../context/ignore-file.ts";
import { ROOT_PATH } from "../core/byte-path.ts";
import { type Digest, parseDigest, requireDigest } from "../core/digest.ts";
import type { EmitEvent } from "../core/events.ts";
import type { GitAddress } from "../core/git-address.ts";
import type { HttpSource } from "../core/step.ts";
import type { FetchedFile } from "../remote/fetch-file.ts";
import type { ResolvedCommit } from "../remote/git-commit.ts";
import type { RemoteTools } from "../steps/remote-tools.ts";
import type { Workshop } from "./workshop.ts";

export interface FetchOptions {
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
}

/** Fetches for the ADDs of one build: what several of them name is asked for once. The network's code is loaded at the first. */
export function remoteSources(options: FetchOptions): RemoteTools {
  const files = new Map<string, Promise<FetchedFile>>();
  const commits = new Map<string, Promise<ResolvedCommit>>();
  const fileOf = (source: HttpSource, row: string) =>
    remembered(files, source.url, () => revalidate(source, { ...options, row }));
  const commitOf = (address: GitAddress) =>
    remembered(commits, JSON.stringify(address), () => resolveRef(address, options));
  return {
    identify: async (source, row): Promise<RemoteMaterial> => {
      if (source.type === "git") {
        return { shown: source.address.shown, value: (await commitOf(source.address)).commit };
      }
      return { shown: source.shown, value: source.checksum ?? (await fileOf(source, row)).digest };
    },
    open: async (source, { scratch, row }) => {
      if (source.type === "git") {
        const commit = await commitOf(source.address);
        return await openCheckout(source.address, { ...options, commit, parent: scratch.makeTemp() });
      }
      const digest = source.checksum ?? (await fileOf(source, row)).digest;
      return await openFile(source, digest, { ...options, row });
    },
  };
}

interface RowOptions extends FetchOptions {
  readonly row: string | null;
}

/** The file as it is now; not transferred where it is what is here already. */
export async function revalidate(
  source: Pick<HttpSource, "url" | "shown">,
  options: RowOptions,
): Promise<FetchedFile> {
  const known = recall(source, options.shop);
  const fetched = await fetch(source, { ...options, known, expected: undefined });
  return fetched ?? known ?? fail(source);
}

/** A file that is in the store by the end of this, as what it was identified as. */
export async function ensureFile(
  source: Pick<HttpSource, "url" | "shown">,
  digest: Digest,
  options: RowOptions,
): Promise<FetchedFile> {
  const { cacheBlobs } = options.shop.store;
  const known = recall(source, options.shop);
  const isHere = known?.digest === digest && cacheBlobs.claim(digest) && !cacheBlobs.dropIfDamaged(digest);
  if (isHere) return known;
  return (await fetch(source, { ...options, known: undefined, expected: digest })) ?? fail(source);
}

async function openFile(source: HttpSource, digest: Digest, options: RowOptions) {
  const { fileTree } = await import("../remote/file-tree.ts");
  const { size, lastModified } = await ensureFile(source, digest, options);
  const blob = options.shop.store.cacheBlobs.pathOf(digest);
  return {
    ...fileTree({ blob, name: source.name, digest, size, lastModified }),
    [Symbol.dispose]() {},
  };
}

async function fetch(
  source: Pick<HttpSource, "url" | "shown">,
  options: RowOptions & { readonly known: FetchedFile | undefined; readonly expected: Digest | undefined },
): Promise<FetchedFile | undefined> {
  const { shop, emit, signal, known, expected } = options;
  const { openHttp } = await import("../remote/open-http.ts");
  const { fetchFile } = await import("../remote/fetch-file.ts");
  const { VERSION } = await import("./version.ts");
  const onNote = (text: string) => emit({ type: "note", level: "info", text });
  await using http = openHttp({ version: VERSION, env: shop.env, onNote });
  const tell = downloadTeller(source.shown, options);
  const fetched = await fetchFile(http, {
    ...source,
    known,
    expected,
    openWriter: () => shop.store.cacheBlobs.openWriter(),
    onProgress: (doneBytes, totalBytes, note) =>
      tell(note === undefined ? "running" : "retrying", { doneBytes, totalBytes, note }),
    signal,
  });
  if (fetched === undefined) return undefined;
  tell("done", { doneBytes: fetched.size, totalBytes: fetched.size });
  shop.store.facts.put(factName(source), JSON.stringify(fetched));
  return fetched;
}

const STEP_BYTES = 256 * 1024;

/** `transfer` events. The digest is not known before the end: the address's stands for it. */
function downloadTeller(shown: string, { emit, row }: RowOptions) {
  const blob = requireDigest(`sha256:${createHash("sha256").update(shown).digest("hex")}`);
  let told = { state: "", doneBytes: 0 };
  return (
    state: "running" | "retrying" | "done",
    at: { readonly doneBytes: number; readonly totalBytes: number; readonly note?: string | undefined },
  ) => {
    if (told.state === state && at.doneBytes - told.doneBytes < STEP_BYTES) return;
    const { doneBytes, totalBytes, note } = at;
    told = { state, doneBytes };
    const counts = { doneBytes, totalBytes: Math.max(totalBytes, doneBytes) };
    emit({
      type: "transfer",
      row,
      blob,
      direction: "pull",
      state,
      ...counts,
      ...(note === undefined ? {} : { note }),
    });
  };
}

/** What was fetched from an address last. Credentials are no part of the name. */
function recall(source: Pick<HttpSource, "url">, { store }: Workshop): FetchedFile | undefined {
  const text = store.facts.get(factName(source));
  if (text === undefined) return undefined;
  try {
    const fact: Readonly<Record<string, unknown>> = Object(JSON.parse(text));
    const digest = typeof fact["digest"] === "string" ? parseDigest(fact["digest"]) : undefined;
    const word = (name: string) => (typeof fact[name] === "string" ? fact[name] : undefined);
    const size = typeof fact["size"] === "number" ? fact["size"] : undefined;
    if (digest === undefined || size === undefined) return undefined;
    return { digest, size, etag: word("etag"), lastModified: word("lastModified") };
  } catch {
    // A torn fact costs a download.
    return undefined;
  }
}

function factName({ url }: Pick<HttpSource, "url">): string {
  const address = new URL(url);
  address.username = "";
  address.password = "";
  address.hash = "";
  return `file of ${address.href}`;
}

function fail({ shown }: Pick<HttpSource, "shown">): never {
  throw new Error(`${shown} is unchanged, and nothing is known of it`);
}

async function resolveRef(address: GitAddress, { shop, signal }: FetchOptions): Promise<ResolvedCommit> {
  const { resolveCommit } = await import("../remote/git-commit.ts");
  return await resolveCommit(address, { cwd: "/", env: shop.env, signal });
}

/** A commit's files, as a tree like a context's. */
export async function openCheckout(
  address: GitAddress,
  options: FetchOptions & { readonly commit?: ResolvedCommit; readonly parent: string },
) {
  const { shop, signal, parent } = options;
  const commit = options.commit ?? (await resolveRef(address, options));
  const { checkOut } = await import("../remote/git-checkout.ts");
  const { openContext } = await import("../context/context-tree.ts");
  const root = await checkOut(address, commit, { parent, env: shop.env, signal });
  const tree = openContext({ root, ignore: NO_RULES, clock: shop.clock });
  return { root, tree, path: ROOT_PATH, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

function remembered<V>(known: Map<string, Promise<V>>, name: string, make: () => Promise<V>): Promise<V> {
  const before = known.get(name);
  if (before !== undefined) return before;
  const made = make();
  known.set(name, made);
  return made;
}
