import { createHash } from "node:crypto";
import { join } from "node:path";
import { type BytePath, decodePath } from "../core/byte-path.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { CopyOp } from "../core/step.ts";
import { listArchive } from "../layer/list-archive.ts";
import { resolveSources } from "../snapshot/copy-sources.ts";
import type { Archive } from "../snapshot/unpack.ts";
import { readTarFile } from "./read-layer-file.ts";

/** Room for files of one step. */
export interface Scratch extends Disposable {
  /** A new, empty folder. */
  makeTemp(): string;
}

export interface ArchiveOptions {
  readonly scratch: Scratch;
  readonly signal: AbortSignal;
}

/** The sources of an ADD that are archives, ready to be unpacked; by their path in the tree. What is none is copied as it is. */
export async function openArchives(
  op: CopyOp,
  from: FileTree,
  options: ArchiveOptions,
): Promise<ReadonlyMap<BytePath, Archive>> {
  const archives = new Map<BytePath, Archive>();
  for (const { path } of resolveSources(from, op.sources)) {
    const archive = await openArchive(from, path, options);
    if (archive !== undefined) archives.set(path, archive);
  }
  return archives;
}

/** Undefined: no regular file, or none that is an archive. */
export async function openArchive(
  tree: FileTree,
  path: BytePath,
  { scratch, signal }: ArchiveOptions,
): Promise<Archive | undefined> {
  const real = tree.resolve(path, true);
  if (real === undefined || tree.facts(real)?.type !== "file") return undefined;
  const tar = join(scratch.makeTemp(), "archive.tar");
  using source = new CheckedSource(tree, real);
  try {
    const members = await listArchive(source.chunks(), tar, { signal });
    if (members === undefined) return undefined;
    source.check();
    return { members, read: (member) => readTarFile(tar, { ...member, path: member.name }, member.pieces) };
  } catch (error) {
    throw isBuildError(error) && error.code.startsWith("layer/") ? broken(path, error) : error;
  }
}

/** A file's bytes, which must be those that it was keyed by: whoever stops reading early lets the rest be looked at. */
class CheckedSource implements Disposable {
  readonly #tree: FileTree;
  readonly #path: BytePath;
  readonly #pieces: Iterator<Uint8Array>;
  readonly #hash = createHash("sha256");

  constructor(tree: FileTree, path: BytePath) {
    this.#tree = tree;
    this.#path = path;
    this.#pieces = tree.read(path)[Symbol.iterator]();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) yield Buffer.from(piece);
  }

  /** Throws `context/changed`. */
  check(): void {
    while (this.#next() !== undefined);
    if (`sha256:${this.#hash.digest("hex")}` === this.#tree.contentDigest(this.#path)) return;
    throw new BuildError("context/changed", `"${decodePath(this.#path)}" changed during the build`, {
      hint: "Build again once nothing writes to it.",
    });
  }

  [Symbol.dispose](): void {
    this.#pieces.return?.();
  }

  #next(): Uint8Array | undefined {
    const next = this.#pieces.next();
    if (next.done === true) return undefined;
    this.#hash.update(next.value);
    return next.value;
  }
}

function broken(path: BytePath, error: BuildError): BuildError {
  const message = `${decodePath(path)} cannot be unpacked: ${error.message}`;
  const hint =
    error.code === "layer/compression" && error.details.hint !== undefined
      ? `${error.details.hint} Or copy it as it is: ADD --unpack=false.`
      : "Make the archive anew; or copy it as it is: ADD --unpack=false.";
  return new BuildError(error.code, message, { hint, cause: error });
}
