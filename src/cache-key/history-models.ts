import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { CacheKey, CacheModelName, KeyInput } from "../core/cache-key.ts";
import type { ListingRow } from "../core/file-tree.ts";
import type { CopyOp, EngineRules, RunOp, Step } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { decodeFields, fields, makeKey } from "./encode.ts";
import type { CacheModel, KeyMaterial, SourceEntry, SourceMaterial } from "./model.ts";
import { remoteFlags, remoteInputs } from "./remote-inputs.ts";
import { variable } from "./run-inputs.ts";
import { entriesOf, sourceInput, sumOf } from "./source-sum.ts";

/** How one engine of this kind differs from the other. */
interface HistoryEngine {
  readonly name: Extract<CacheModelName, "classic" | "buildah">;
  readonly reads: NonNullable<CacheModel["reads"]>;
  /** The sum of one source, and its facts as `explain` tells them. */
  readonly sourceSum: (source: SourceMaterial, op: CopyOp) => string;
  readonly lacks: (step: Step) => string | undefined;
  readonly createdBy: (step: Step, key: CacheKey) => string;
  readonly see: (row: ListingRow) => ListingRow;
}

/**
 * Docker 20.10's classic builder: each instruction is an image over its parent image, known again by that very parent and by
 * what its container's command says (moby at v20.10: image/cache, builder/dockerfile). Files enter by their tarsum: name in the
 * context, mode, size, type, link, content; no time, and no owner, which the client sets to root.
 */
export const classicModel: CacheModel = historyModel({
  name: "classic",
  reads: "listed",
  sourceSum: tarSum,
  lacks: classicLacks,
  createdBy: classicText,
  see: (row) => row,
});

/**
 * buildah with --layers: known again by the whole history below and this row's `created_by`, which holds the instruction as
 * written (imagebuildah/stage_executor.go). What COPY adds enters by a digest over the copied entries, owners and extended
 * attributes as they are on the disk, names as they are in the destination.
 */
export const buildahModel: CacheModel = historyModel({
  name: "buildah",
  reads: "on-disk",
  sourceSum: addedSum,
  lacks: buildahLacks,
  createdBy: buildahText,
  see: (row) => row,
});

function historyModel(engine: HistoryEngine): CacheModel {
  const { name, reads, lacks, createdBy, see } = engine;
  return {
    name,
    reads,
    lacks,
    createdBy,
    see,
    keyOf: (step, material) => {
      const rules = rulesOf(step);
      return makeKey(name, [
        ...ownInputs(step, rules, { engine, material }),
        ...parentInput(material, rules),
      ]);
    },
  };
}

function ownInputs(
  step: Step,
  rules: EngineRules,
  { engine, material }: { readonly engine: HistoryEngine; readonly material: KeyMaterial },
): KeyInput[] {
  const { op } = step;
  switch (op.type) {
    case "copy":
      return copyInputs(op, rules, { engine, material });
    case "run":
      return runInputs(step, op, { rules, material });
    case "config":
      return [{ kind: "instruction", subject: op.instruction, value: fields([rules.text]) }];
    case "workdir":
      return [{ kind: "instruction", subject: "WORKDIR", value: rules.text }];
    case "image":
    case "scratch":
      throw new Error(`${op.type} is not keyed: a base enters keys as a parent`);
    default:
      return unreachable(op);
  }
}

/** The very parent: made again, even with the same content, it is another. What else the rules set hangs on what stands above. */
function parentInput({ parent }: KeyMaterial, rules: EngineRules): KeyInput[] {
  if (parent === undefined) return [];
  const value = fields([
    parent.identity,
    fields(rules.shell),
    fields(rules.volumes),
    String(rules.dropsEmpty),
  ]);
  return [{ kind: parent.isBase ? "base" : "parent", subject: parent.title, value }];
}

function copyInputs(
  op: CopyOp,
  rules: EngineRules,
  { engine, material }: { readonly engine: HistoryEngine; readonly material: KeyMaterial },
): KeyInput[] {
  const { chown, chmod, instruction } = op;
  return [
    { kind: "instruction", subject: instruction, value: fields(remoteFlags(op)) },
    { kind: "dest", subject: "", value: rules.text },
    ...(chown === undefined ? [] : [{ kind: "owner" as const, subject: "--chown", value: chown }]),
    ...(chmod === undefined ? [] : [{ kind: "mode" as const, subject: "--chmod", value: chmod }]),
    ...material.sources.map((source) =>
      sourceInput(source, "", {
        row: entriesOf(source)[0]?.row,
        sum: engine.sourceSum(source, op),
      }),
    ),
    ...remoteInputs(material),
  ];
}

/** `--network` is no part of a container's command: neither engine looks at it. */
function runInputs(
  step: Step,
  op: RunOp,
  { rules, material }: { readonly rules: EngineRules; readonly material: KeyMaterial },
): KeyInput[] {
  const args = rules.args ?? [];
  return [
    { kind: "instruction", subject: "RUN", value: fields(rules.text === "" ? op.args : [rules.text]) },
    ...args.map((entry) => variable(entry.slice(0, entry.indexOf("=")), entry, { step, material })),
    // The classic builder writes `|0` where it was given proxies that no ARG declares.
    ...(rules.args?.length === 0 ? [{ kind: "args" as const, subject: "(predefined)", value: "|0" }] : []),
  ];
}

function rulesOf({ op, id }: Step): EngineRules {
  const rules = "rules" in op ? op.rules : undefined;
  if (rules === undefined) throw new Error(`${id} was planned without the engine's rules`);
  return rules;
}

/** tarsum v1 of each entry; of a folder over the sorted sums of all that is in it, its own header too. */
function tarSum(source: SourceMaterial): string {
  const root = source.path === "." || source.path === "/" ? "" : source.path;
  const sums = entriesOf(source)
    .filter(({ path }) => source.type !== "dir" || path !== "" || root !== "")
    .map(({ path, row }) => sumOf(tarHeader(posix.join(root, path), row)));
  return source.type === "dir" ? sumOf(sums.toSorted()) : (sums[0] ?? "");
}

/** A later name of an inode is an empty entry that links to the first. */
function tarHeader(name: string, row: ListingRow): string[] {
  const { type, mode, uid, gid, size, digest = "", device = "", xattrsDigest = "", link } = row;
  const facts = [name, mode.toString(8), `${uid}:${gid}`, xattrsDigest];
  if (link !== undefined && link !== Buffer.from(name, "utf8").toString("latin1"))
    return [...facts, "link", link];
  if (type === "dir") return [...facts, type];
  return [...facts, type, String(size), digest, device];
}

/** A file takes the destination's name before it is hashed; below a folder names are relative to it. */
function addedSum(source: SourceMaterial, op: CopyOp): string {
  const isFolder = source.type === "dir";
  const top = isFolder ? "" : addedName(source, op);
  return sumOf(entriesOf(source).flatMap((entry) => addedFacts(entry, entry.path === "" ? top : entry.path)));
}

function addedName(source: SourceMaterial, { dest }: CopyOp): string {
  return /\/\.?$/.test(dest) ? posix.basename(source.path) : posix.basename(dest);
}

function addedFacts({ row }: SourceEntry, name: string): string[] {
  const { type, mode, uid, gid, size, digest = "", device = "", xattrsDigest = "", link = "" } = row;
  const facts = [name, type, mode.toString(8), `${uid}:${gid}`, xattrsDigest, link];
  return type === "dir" ? facts : [...facts, String(size), digest, device];
}

function classicText(step: Step, key: CacheKey): string {
  const { op } = step;
  const { shell, text, args } = rulesOf(step);
  const prefix = `${shell.join(" ")} #(nop)`;
  if (op.type === "run") return [...argsPrefix(args), ...op.args].join(" ");
  if (op.type === "workdir" || (op.type === "config" && op.instruction === "WORKDIR"))
    return `${prefix} ${text}`;
  if (op.type !== "copy") return `${prefix}  ${text}`;
  const chown = op.chown === undefined ? "" : `--chown=${op.chown}`;
  return `${prefix} ${op.instruction} ${chown}${contentText(key)} in ${text} `;
}

function argsPrefix(args: readonly string[] | undefined): string[] {
  return args === undefined ? [] : [`|${args.length}`, ...args];
}

function buildahText(step: Step, key: CacheKey): string {
  const { op } = step;
  const { text, args = [] } = rulesOf(step);
  if (op.type === "run")
    return [...(args.length === 0 ? [] : argsPrefix(args)), "/bin/sh -c", text].join(" ");
  return op.type === "copy"
    ? `/bin/sh -c #(nop) ${op.instruction} ${contentText(key)} in ${text} `
    : `/bin/sh -c #(nop) ${text}`;
}

/** `file:…`, `dir:…`, or `multi:…` over several. */
function contentText(key: CacheKey): string {
  const sums = key.inputs
    .filter(({ kind }) => kind === "files" || kind === "remote")
    .map(({ kind, value }) => {
      if (kind === "remote") return `file:${sumOf([value])}`;
      const [, type, , , , sum = ""] = decodeFields(value);
      return `${type === "dir" ? "dir" : "file"}:${sum}`;
    });
  if (sums.length === 1) return sums[0] ?? "";
  return `multi:${createHash("sha256").update(sums.join("")).digest("hex")}`;
}

function classicLacks({ op }: Step): string | undefined {
  if (op.type === "run") return runLacks(op);
  if (op.type !== "copy") return undefined;
  return op.chmod === undefined ? copyLacks(op) : "--chmod";
}

function buildahLacks({ op }: Step): string | undefined {
  if (op.type === "run") return runLacks(op);
  return op.type === "copy" ? copyLacks(op) : undefined;
}

/** buildah has mounts, but not in the history that it compares: what it would make of a changed one is not known here. */
function runLacks(op: RunOp): string | undefined {
  if (op.inline !== undefined) return "heredocs";
  if (op.mounts !== undefined && op.mounts.length > 0) return "--mount";
  return op.security === undefined ? undefined : "--security";
}

function copyLacks(op: CopyOp): string | undefined {
  if (op.inline !== undefined) return "heredocs";
  if (op.remotes?.some(({ type }) => type === "git") === true) return "ADD of a repository";
  if (op.link === true) return "--link";
  if (op.parents === true) return "--parents";
  return op.exclude === undefined ? undefined : "--exclude";
}
