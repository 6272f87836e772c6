import { createReadStream } from "node:fs";
import { join, resolve } from "node:path";
import { askContainer } from "../containers/control.ts";
import { findMounted, withFiles } from "../containers/open-files.ts";
import { findPlace, noPath, type Place, walkFiles } from "../containers/walk-files.ts";
import { FileWriter } from "../containers/write-files.ts";
import { baseName, cleanPath, decodePath, encodePath, ROOT_PATH, toBytePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import { errnoOf } from "../host/errno.ts";
import { openRoot, type RootHandle } from "../host/open-in-root.ts";
import { needsUserNamespace } from "../host/user-namespace.ts";
import { packLayer } from "../layer/pack.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import { findContainer } from "./find-container.ts";
import { openTarFile } from "./tar-file.ts";
import { unpackInto } from "./unpack-into.ts";
import { NeedsUserNamespace, type Workshop } from "./workshop.ts";

export interface CopyOptions {
  /** For local paths. */
  readonly cwd: string;
  /** -L: a symbolic link as the source stands for what it points to. */
  readonly followLink: boolean;
  /** -a: what is copied out keeps its owners. What is copied in always does, as with Docker. */
  readonly archive: boolean;
  readonly signal: AbortSignal;
}

/** What a person wrote after `cp`, taken apart; `container` undefined: of this machine. */
export interface CopyEnd {
  readonly container: string | undefined;
  /** As written; "-" without a container is standard input or output. */
  readonly path: string;
}

/** `CONTAINER:PATH`; a path with a colon in it is written `./a:b` or absolute. */
export function parseCopyEnd(text: string): CopyEnd {
  const colon = text.indexOf(":");
  if (text.startsWith("/") || text.startsWith(".") || colon < 0) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** Copies a file or a folder of this machine into a container. */
export async function copyIn(
  source: string,
  target: CopyEnd,
  options: CopyOptions,
  shop: Workshop,
): Promise<void> {
  await inContainer(target, shop, async (files, found) => {
    requireWritable(found);
    using local = openRoot("/");
    const from = sourceOf(local, absolute(options.cwd, source), {
      ...options,
      shown: source,
      written: resolve(options.cwd, source),
    });
    using place = from.place;
    copyTree({ ...from, place }, { root: files.root, path: files.path, shown: shownEnd(target) }, true);
  });
}

/** Unpacks a tar into a directory of a container. */
export async function copyTarIn(
  tar: AsyncIterable<Uint8Array>,
  target: CopyEnd,
  options: CopyOptions,
  shop: Workshop,
): Promise<void> {
  await inContainer(target, shop, async (files, found) => {
    requireWritable(found);
    using place = findPlace(files.root, files.path, { follow: true, shown: shownEnd(target) });
    if (place.stat?.isDirectory() !== true) throw noPath(shownEnd(target), "it is no directory");
    using writer = new FileWriter({ root: files.root, base: files.path, keepsOwners: true });
    await unpackInto(writer, tar, options.signal);
  });
}

/** Copies a file or a folder of a container to this machine. */
export async function copyOut(
  source: CopyEnd,
  target: string,
  options: CopyOptions,
  shop: Workshop,
): Promise<void> {
  await inContainer(source, shop, (files) => {
    const from = sourceOf(files.root, files.path, {
      ...options,
      shown: shownEnd(source),
      written: source.path,
    });
    using place = from.place;
    using local = openRoot("/");
    const to = { root: local, path: absolute(options.cwd, target), shown: target };
    copyTree({ ...from, place }, to, options.archive);
    return Promise.resolve();
  });
}

/** A file or a folder of a container as a tar, in pieces. */
export async function* copyTarOut(
  source: CopyEnd,
  options: CopyOptions,
  shop: Workshop,
): AsyncGenerator<Uint8Array> {
  using lease = shop.store.openLease("cp");
  const path = join(lease.makeTemp(), "files.tar");
  await inContainer(source, shop, async (files) => {
    const from = sourceOf(files.root, files.path, {
      ...options,
      shown: shownEnd(source),
      written: source.path,
    });
    using place = from.place;
    using writer = openTarFile(path);
    const name = from.isContents ? ROOT_PATH : from.name;
    await packLayer(walkFiles(place, toBytePath(name)), writer, { signal: options.signal });
  });
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (piece instanceof Uint8Array) yield piece;
  }
}

interface Source {
  readonly place: Place;
  /** What it is called where it is copied into a directory. */
  readonly name: string;
  /** Written with "/." behind it: what is in the directory, not the directory. */
  readonly isContents: boolean;
}

interface Target {
  readonly root: RootHandle;
  /** Absolute, latin1 of its bytes; may end in "/" or "/.". */
  readonly path: string;
  readonly shown: string;
}

function sourceOf(
  root: RootHandle,
  path: string,
  {
    followLink,
    shown,
    written,
  }: { readonly followLink: boolean; readonly shown: string; readonly written: string },
): Source {
  const place = findPlace(root, path, { follow: followLink, shown });
  if (place.stat === undefined) throw noPath(shown, "it does not exist");
  if (/\/\.?$/.test(path) && !place.stat.isDirectory()) throw noPath(shown, "it is no directory");
  return { place, name: baseName(cleanPath(latin1(written))), isContents: path.endsWith("/.") };
}

/** Docker's table of what `cp` does with what is there and what is not. */
function copyTree(source: Source, target: Target, keepsOwners: boolean): void {
  const { base, name } = whereTo(source, target);
  using writer = new FileWriter({ root: target.root, base, keepsOwners });
  for (const entry of walkFiles(source.place, toBytePath(name))) writer.write(entry);
  writer.finish();
}

function whereTo(
  { place: { stat }, name, isContents }: Source,
  { root, path, shown }: Target,
): { readonly base: string; readonly name: string } {
  using to = findPlace(root, path, { follow: true, shown });
  const isDirectory = stat?.isDirectory() === true;
  if (to.stat?.isDirectory() === true) {
    return isContents ? { base: path, name: "" } : { base: path, name: name === "" ? "" : name };
  }
  if (to.stat !== undefined && isDirectory) throw noPath(shown, "a directory cannot be copied to a file");
  if (/\/\.?$/.test(path) && (to.stat !== undefined || !isDirectory)) {
    throw noPath(shown, to.stat === undefined ? "there is no such directory" : "it is no directory");
  }
  return { base: to.dir.inside, name: to.name };
}

/** Where a path of a container is to be looked up. */
interface FilesAt {
  readonly root: RootHandle;
  /** Absolute, latin1 of its bytes; ends as it was written. */
  readonly path: string;
}

async function inContainer(
  { container, path }: CopyEnd,
  shop: Workshop,
  action: (files: FilesAt, found: StoredContainer) => Promise<void>,
): Promise<void> {
  const found = findContainer(container ?? "", shop);
  await enterNamespace(found, shop);
  using _lease = shop.store.openLease("cp");
  const tools = { store: shop.store, workspaces: await shop.workspaces() };
  try {
    await withFiles(found, tools, async (files) => {
      const dir = shop.store.containers.dirOf(found.container.id);
      const mounted = files.isRunning ? undefined : findMounted(found.container, cleanText(path), dir);
      if (mounted === undefined) return await action({ root: files.root, path: rooted(path) }, found);
      using root = openRoot(mounted.source);
      const end = /\/\.?$/.exec(path)?.[0] ?? "";
      await action({ root, path: rooted(mounted.path) + end }, found);
    });
  } catch (error) {
    const code = errnoOf(error);
    if (error instanceof BuildError || code === undefined || !(error instanceof Error)) throw error;
    throw new BuildError("container/path", `cp: ${error.message}`, { cause: error });
  }
}

/** An ordinary user reaches the mounts of a container that runs from its own user namespace alone. */
export async function enterNamespace({ container, state }: StoredContainer, shop: Workshop): Promise<void> {
  if (state.status === "running" && needsUserNamespace()) {
    using connection = await askContainer(shop.store.containers.dirOf(container.id), { do: "wait" });
    const pid = (await connection?.answer)?.pid;
    if (pid !== undefined) throw new NeedsUserNamespace(pid);
  }
  shop.requireNamespace();
}

function requireWritable({ container }: StoredContainer): void {
  if (!container.readOnlyRoot) return;
  throw new BuildError("container/path", `the root file system of container ${container.name} is read-only`);
}

/** The ends of a path say what is meant ("/", "/."): they stay. */
function absolute(cwd: string, path: string): string {
  const end = /\/\.?$/.exec(path)?.[0] ?? (/(^|\/)\.$/.test(path) ? "/." : "");
  return `${latin1(resolve(cwd, path))}${end}`;
}

function cleanText(path: string): string {
  return `/${decodePath(encodePath(path))}`;
}

function rooted(path: string): string {
  return `/${latin1(path).replace(/^\/+/, "")}`;
}

function latin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function shownEnd({ container, path }: CopyEnd): string {
  return `${container}:${path}`;
}
