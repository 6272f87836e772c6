import type { CacheKey, KeyInput } from "../core/cache-key.ts";
import type { CopyOp, Step, WorkdirOp } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { fields, makeKey } from "./encode.ts";
import type { CacheModel, KeyMaterial } from "./model.ts";
import { remoteFlags, remoteInputs } from "./remote-inputs.ts";
import { runInputs } from "./run-inputs.ts";

/**
 * The default rules: a step is known again by its operation, the content of its inputs and the content of what it stands on.
 * Metadata instructions above a RUN do not enter its key; times never do; ARGs enter where they are in scope of a RUN.
 */
export const tsbuildModel: CacheModel = { name: "tsbuild", keyOf };

function keyOf(step: Step, material: KeyMaterial): CacheKey {
  const { op } = step;
  switch (op.type) {
    case "image":
    case "scratch":
      throw new Error(`${op.type} is not keyed: a base enters keys by its content`);
    case "config":
      throw new Error("metadata is no step under these rules");
    case "workdir":
      return makeKey("tsbuild", [...workdirInputs(op), ...parentInput(material)]);
    case "copy":
      return makeKey("tsbuild", [...copyInputs(op, material), ...parentInput(material)]);
    case "run":
      return makeKey("tsbuild", [...runInputs(op, step, material), ...parentInput(material)]);
    default:
      return unreachable(op);
  }
}

function parentInput({ parent }: KeyMaterial): KeyInput[] {
  if (parent === undefined) return [];
  return [{ kind: parent.isBase ? "base" : "parent", subject: parent.title, value: parent.content }];
}

function workdirInputs(op: WorkdirOp): KeyInput[] {
  return [
    { kind: "instruction", subject: "WORKDIR", value: op.path },
    { kind: "user", subject: "", value: op.user },
  ];
}

function copyInputs(op: CopyOp, material: KeyMaterial): KeyInput[] {
  const flags = [
    op.link === true ? "link" : "",
    op.parents === true ? "parents" : "",
    op.unpack === true ? "extract" : "",
    ...remoteFlags(op),
    ...(op.exclude ?? []).map((pattern) => `exclude=${pattern}`),
  ].filter((flag) => flag !== "");
  return [
    { kind: "instruction", subject: op.instruction, value: fields(flags) },
    { kind: "dest", subject: "", value: op.dest },
    ...(op.chown === undefined ? [] : [{ kind: "owner" as const, subject: "--chown", value: op.chown }]),
    ...(op.chmod === undefined ? [] : [{ kind: "mode" as const, subject: "--chmod", value: op.chmod }]),
    // With --parents a path is part of the result; else only its last name is.
    ...material.sources.map((source) => ({
      kind: "files" as const,
      subject: source.path,
      value: fields([
        op.parents === true ? source.written : source.name,
        source.type,
        source.mode.toString(8),
        source.owner,
        source.xattrs,
        source.digest,
      ]),
    })),
    ...remoteInputs(material),
    ...(op.inline ?? []).map((file) => ({
      kind: "files" as const,
      subject: `<<${file.name}`,
      value: file.content,
    })),
  ];
}
