import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { encodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import type { SourceText } from "../core/source-range.ts";
import { openContext } from "./context-tree.ts";
import { errnoOf, isMissing } from "./disk-error.ts";
import { type IgnoreRules, NO_RULES, type ReadFile, readIgnoreRules } from "./ignore-file.ts";
import { isArchive, SNIFF_BYTES } from "./sniff-context.ts";

export interface ContextRequest {
  /** A folder, or `-` for standard input; what people call it where it is fetched. */
  readonly path: string;
  /** What was fetched: a folder of files nobody here wrote, or bytes as they might come on standard input. */
  readonly fetched?: { readonly folder: string } | { readonly bytes: AsyncIterable<Uint8Array> } | undefined;
  /** `-f` as written; `-` for standard input. */
  readonly dockerfile?: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Unpacks a tar, compressed or not, into an empty folder; refuses entries that would land outside it. */
  readonly extractTar: (archive: AsyncIterable<Uint8Array>, dir: string) => Promise<void>;
  /** Where folders for unpacked archives are made; the system's temporary folder if absent. */
  readonly tempRoot?: string | undefined;
  readonly clock: Clock;
}

/** What a build starts from. Disposing removes what was unpacked. */
export interface ContextSource extends Disposable {
  /** The folder to open as the context. */
  readonly root: string;
  /** Made for this build and gone after it: nothing about it is worth remembering. */
  readonly isTemporary: boolean;
  readonly dockerfile: SourceText;
  readonly ignore: IgnoreRules;
}

/** Largest Dockerfile read. Larger is an archive or an image given by mistake. */
const MAX_DOCKERFILE_BYTES = 16 << 20;
const DEFAULT_NAME = "Dockerfile";

/**
 * Finds context, Dockerfile and ignore rules. The Dockerfile and the ignore file are read even where ignored. Throws
 * `context/not-found`, `context/outside`, `context/bad-ignore-file`, `dockerfile/not-found`, `dockerfile/too-large`,
 * `cli/usage`.
 */
export async function openContextSource(request: ContextRequest): Promise<ContextSource> {
  const { fetched } = request;
  if (fetched !== undefined) {
    return "folder" in fetched
      ? await openForeign(request, { root: fetched.folder, isTemporary: true, [Symbol.dispose]() {} })
      : await openBytes(request, fetched.bytes);
  }
  if (request.path !== "-") return openFolder(request);
  if (request.dockerfile === "-") {
    throw new BuildError("cli/usage", "standard input cannot be both the context and the Dockerfile", {
      hint: "Give the folder with the files as the last argument: -f - .",
    });
  }
  return await openBytes(request, request.stdin);
}

/** An archive, or a Dockerfile alone: their first bytes tell. */
async function openBytes(request: ContextRequest, bytes: AsyncIterable<Uint8Array>): Promise<ContextSource> {
  const { head, all } = await peek(bytes);
  return isArchive(head)
    ? openArchive(request, all)
    : openDockerfileOnly(request, await readText(all, nameOf(request)));
}

async function openFolder(request: ContextRequest): Promise<ContextSource> {
  const root = request.path;
  requireFolder(root);
  const shared = join(root, ".dockerignore");
  if (request.dockerfile === "-") {
    const dockerfile = { name: "-", text: await readText(request.stdin, "standard input") };
    const ignore = readIgnoreRules(readHostFile, { dockerfile: undefined, shared });
    return { root, isTemporary: false, dockerfile, ignore, [Symbol.dispose]() {} };
  }
  const found = findDockerfile(readHostFile, request.dockerfile, (name) => join(root, name));
  const ignore = readIgnoreRules(readHostFile, { dockerfile: found.path, shared });
  return { root, isTemporary: false, dockerfile: found.source, ignore, [Symbol.dispose]() {} };
}

async function openArchive(
  request: ContextRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<ContextSource> {
  const folder = makeFolder(request);
  try {
    await request.extractTar(archive, folder.root);
    return await openForeign(request, folder);
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

type ForeignFolder = Pick<ContextSource, "root" | "isTemporary" | typeof Symbol.dispose>;

/** Everything is read inside the folder: a symlink of an archive or a repository never leads to a file of this machine. */
async function openForeign(request: ContextRequest, folder: ForeignFolder): Promise<ContextSource> {
  using tree = openContext({ root: folder.root, ignore: NO_RULES, clock: request.clock });
  const read: ReadFile = (path) => {
    if (path.split("/").includes("..")) throw outsideArchive(path);
    const real = tree.resolve(encodePath(path), true);
    return real === undefined || tree.facts(real)?.type !== "file"
      ? undefined
      : Buffer.concat([...copies(tree.read(real))]);
  };
  if (request.dockerfile === "-") {
    const dockerfile = { name: "-", text: await readText(request.stdin, "standard input") };
    return {
      ...folder,
      dockerfile,
      ignore: readIgnoreRules(read, { dockerfile: undefined, shared: ".dockerignore" }),
    };
  }
  const found = findDockerfile(read, request.dockerfile, (name) => name);
  const ignore = readIgnoreRules(read, { dockerfile: found.path, shared: ".dockerignore" });
  return { ...folder, dockerfile: found.source, ignore };
}

function openDockerfileOnly(request: ContextRequest, text: string): ContextSource {
  if (request.dockerfile !== undefined) {
    throw new BuildError(
      "dockerfile/not-found",
      `${nameOf(request)} is no archive, so it has no ${request.dockerfile}`,
      {
        hint: `Without -f, ${nameOf(request)} itself is taken as the Dockerfile.`,
      },
    );
  }
  return { ...makeFolder(request), dockerfile: { name: request.path, text }, ignore: NO_RULES };
}

function nameOf({ path }: ContextRequest): string {
  return path === "-" ? "standard input" : path;
}

function makeFolder(request: ContextRequest) {
  const root = mkdtempSync(join(request.tempRoot ?? tmpdir(), "tsbuild-context-"));
  return {
    root,
    isTemporary: true,
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** `given` is -f; without it `Dockerfile`, else `dockerfile`, where `inRoot` puts them. */
function findDockerfile(
  read: ReadFile,
  given: string | undefined,
  inRoot: (name: string) => string,
): { readonly path: string; readonly source: SourceText } {
  const paths = given === undefined ? [inRoot(DEFAULT_NAME), inRoot(DEFAULT_NAME.toLowerCase())] : [given];
  for (const path of paths) {
    const bytes = read(path);
    if (bytes === undefined) continue;
    if (bytes.length > MAX_DOCKERFILE_BYTES) throw tooLarge(path);
    return { path, source: { name: given ?? basename(path), text: bytes.toString("utf8") } };
  }
  throw new BuildError("dockerfile/not-found", `there is no ${given ?? DEFAULT_NAME}`, {
    hint:
      given === undefined
        ? `Looked for ${paths[0] ?? ""}. A file of another name is given with -f.`
        : "A path given with -f is relative to the current folder (in an archive: to its top).",
  });
}

function readHostFile(path: string): Buffer | undefined {
  try {
    if (statSync(path).size > MAX_DOCKERFILE_BYTES) throw tooLarge(path);
    return readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof BuildError) throw error;
    const reason = { EISDIR: "it is a directory", EACCES: "permission denied", EPERM: "permission denied" };
    const why = Object.entries(reason).find(([code]) => code === errnoOf(error))?.[1] ?? String(error);
    throw new BuildError("dockerfile/not-found", `cannot read ${path}: ${why}`, { cause: error });
  }
}

function requireFolder(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return;
  const message =
    stats === undefined ? `there is no directory ${path} to build from` : `${path} is not a directory`;
  throw new BuildError("context/not-found", message, {
    hint:
      stats === undefined
        ? "The last argument of a build is the folder that COPY reads from; write . for the current one."
        : `To name the Dockerfile write: -f ${path} .`,
  });
}

async function readText(bytes: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    length += piece.length;
    if (length > MAX_DOCKERFILE_BYTES) throw tooLarge(name);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** The first bytes, and the whole stream with them. */
async function peek(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < SNIFF_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* whole() {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { head, all: whole() };
}

function* copies(pieces: Iterable<Uint8Array>): Iterable<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function tooLarge(name: string): BuildError {
  return new BuildError("dockerfile/too-large", `${name} is larger than 16 MiB: not a Dockerfile`);
}

function outsideArchive(path: string): BuildError {
  return new BuildError("context/outside", `${path} is outside the archive that the build is made from`, {
    hint: "Give a path inside it.",
  });
}
