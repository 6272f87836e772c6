import { posix } from "node:path";
import type { CacheKey, CacheModelName, KeyInput } from "../core/cache-key.ts";
import type { ListingRow } from "../core/file-tree.ts";
import type { CopyOp, Step, WorkdirOp } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { hasWildcard } from "../core/wildcard.ts";
import { fields, makeKey } from "./encode.ts";
import type { CacheModel, KeyMaterial, SourceEntry, SourceMaterial } from "./model.ts";
import { remoteFlags, remoteInputs } from "./remote-inputs.ts";
import { runInputs } from "./run-inputs.ts";
import { entriesOf, sourceInput, sumOf } from "./source-sum.ts";

/** Whose BuildKit: today's, or the one inside Docker 20.10. */
type BuildkitName = Extract<CacheModelName, "buildkit" | "buildkit@20.10">;

/**
 * BuildKit's rules. What a step writes to enters its key by how it was made (the chain of operations down to the base's layers),
 * what it reads enters by content: files of the context or of another stage, under the last name of the source
 * (solver/llbsolver/ops/{file,exec}.go, cache/contenthash). Metadata instructions are no operations.
 */
export function buildkitModel(name: BuildkitName): CacheModel {
  return {
    name,
    reads: "listed",
    keyOf: (step, material) => keyOf(name, step, material),
    see,
    ...(name === "buildkit@20.10" ? { lacks: lacksIn2010 } : {}),
  };
}

function keyOf(name: BuildkitName, step: Step, material: KeyMaterial): CacheKey {
  const { op } = step;
  switch (op.type) {
    case "image":
    case "scratch":
    case "config":
      throw new Error(`${op.type} is not keyed under these rules`);
    case "workdir":
      return makeKey(name, [...workdirInputs(op), ...parentInput(material)]);
    case "copy":
      return makeKey(name, [...copyInputs(op, material), ...parentInput(material)]);
    case "run":
      return makeKey(name, [...runInputs(op, step, material), ...parentInput(material)]);
    default:
      return unreachable(op);
  }
}

/**
 * A base is its layers: another label on it changes nothing, another ENV enters by the commands that see it. A step is its own
 * key; its content is named too, so that no result is put over another one than it was made on.
 */
function parentInput({ parent }: KeyMaterial): KeyInput[] {
  if (parent === undefined) return [];
  const { isBase, chain, key, content, title } = parent;
  const value = isBase ? (chain ?? "scratch") : fields([key ?? "", content]);
  return [{ kind: isBase ? "base" : "parent", subject: title, value }];
}

function workdirInputs(op: WorkdirOp): KeyInput[] {
  return [
    { kind: "instruction", subject: "WORKDIR", value: posix.normalize(op.path).replace(/(?<=.)\/$/, "") },
    { kind: "user", subject: "", value: op.user },
  ];
}

function copyInputs(op: CopyOp, material: KeyMaterial): KeyInput[] {
  const {
    from,
    sources,
    inline,
    dest,
    chown,
    chmod,
    link,
    parents,
    exclude,
    unpack,
    remotes: _remotes,
    ...rest
  } = op;
  const flags = [
    link === true ? "link" : "",
    parents === true ? "parents" : "",
    unpack === true ? "unpack" : "",
    ...remoteFlags(op),
    ...(exclude ?? []).map((pattern) => `exclude=${pattern}`),
  ].filter((flag) => flag !== "");
  const written = sources.map((source) => (parents === true ? source : posix.basename(source)));
  const { type: _type, rules: _rules, instruction: _instruction, ...later } = rest;
  return [
    // COPY and ADD are one operation; what tells them apart is whether a tar is unpacked.
    { kind: "instruction", subject: "COPY", value: fields([...flags, JSON.stringify(later)]) },
    { kind: "instruction", subject: "sources", value: fields(written) },
    { kind: "dest", subject: "", value: cleanDest(dest) },
    ...(chown === undefined ? [] : [{ kind: "owner" as const, subject: "--chown", value: chown }]),
    ...(chmod === undefined ? [] : [{ kind: "mode" as const, subject: "--chmod", value: modeText(chmod) }]),
    ...material.sources.map((source) =>
      fileInput(source, {
        name: selectedName(source),
        isContext: from.type === "context",
      }),
    ),
    ...remoteInputs(material),
    ...(inline ?? []).map((file) => ({
      kind: "files" as const,
      subject: `<<${file.name}`,
      value: file.content,
    })),
  ];
}

/** As BuildKit cleans a destination: dots and double slashes go, what says "a directory" stays. */
function cleanDest(dest: string): string {
  const clean = posix.normalize(dest).replace(/(?<=.)\/$/, "");
  if (dest.endsWith("/")) return clean === "/" ? clean : `${clean}/`;
  return dest.endsWith("/.") ? posix.join(clean, "/") + "." : clean;
}

/** An octal mode is a number; letters are text. */
function modeText(chmod: string): string {
  return /^[0-7]+$/.test(chmod) ? Number.parseInt(chmod, 8).toString(8) : chmod;
}

/** What a source names is in the operation by its last name; what a wildcard matched enters by its own. */
function selectedName({ written, path }: SourceMaterial): string {
  return hasWildcard(written) ? posix.basename(path) : "";
}

function fileInput(
  source: SourceMaterial,
  how: { readonly name: string; readonly isContext: boolean },
): KeyInput {
  const entries = entriesOf(source);
  const sum = sumOf(entries.flatMap((entry) => entryFacts(entry, how.isContext)));
  return sourceInput(source, how.name, { row: entries[0]?.row, sum });
}

/**
 * Hard links are content to BuildKit. A folder's own mode is not noticed in the context: the client's transfer changes it
 * without telling the hasher. In another stage it is read anew, and counts.
 */
function entryFacts({ path, row }: SourceEntry, isContext: boolean): string[] {
  const { type, mode, uid, gid, xattrsDigest = "", digest = "", device = "" } = row;
  if (type === "dir") {
    return isContext ? [path, type] : [path, type, mode.toString(8), `${uid}:${gid}`, xattrsDigest];
  }
  return [path, type, mode.toString(8), `${uid}:${gid}`, xattrsDigest, digest, device];
}

function see(row: ListingRow): ListingRow {
  const { link: _link, ...seen } = row;
  return row.type === "dir" ? { ...seen, mode: 0 } : seen;
}

function lacksIn2010({ op }: Step): string | undefined {
  if (op.type === "run") return op.inline === undefined ? undefined : "heredocs";
  if (op.type !== "copy") return undefined;
  if (op.inline !== undefined) return "heredocs";
  if (op.remotes?.some(({ type }) => type === "git") === true) return "ADD of a repository";
  if (op.link === true) return "--link";
  if (op.parents === true) return "--parents";
  if (op.exclude !== undefined) return "--exclude";
  return op.chmod !== undefined && !/^[0-7]+$/.test(op.chmod) ? "--chmod by letters" : undefined;
}
