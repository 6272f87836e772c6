import type { FromInstruction } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { baseOf } from "./instruction-base.ts";
import type { Word } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { quote } from "./quote.ts";

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

/** FROM base, or FROM base AS name. */
export function readFrom(node: DockerfileNode): FromInstruction {
  const [base, as, name, ...more] = node.args;
  const isNamed = as?.text.toLowerCase() === "as" && name !== undefined && more.length === 0;
  if (base === undefined || (as !== undefined && !isNamed)) throw wrongCount(node);
  const stageName = isNamed ? readStageName(node, name) : undefined;
  const flags = readFlags(node);
  const platform = flags.find((flag) => flag.name === "platform")?.value;
  return {
    type: "FROM",
    ...baseOf(node, flags),
    base: base.text,
    stageName,
    platform: platform === "" ? undefined : platform,
  };
}

function wrongCount(node: DockerfileNode) {
  const [base, as, name, more] = node.args;
  const message = "FROM requires either one or three arguments: FROM image, or FROM image AS name";
  if (base === undefined) {
    return nodeError(node, message, {
      hint: "Name a base image, or write FROM scratch to begin with nothing.",
    });
  }
  const comment = node.args.find((word) => word.text.startsWith("#"));
  if (comment !== undefined) {
    return nodeError(node, message, {
      word: comment,
      hint: "A comment needs a line of its own; # further on is an argument.",
    });
  }
  if (as?.text.toLowerCase() !== "as") {
    return nodeError(node, message, {
      word: as,
      hint: `Write FROM ${base.text} AS ${name === undefined ? (as?.text ?? "name") : "name"}.`,
    });
  }
  return name === undefined
    ? nodeError(node, message, { word: as, hint: `Name the stage: FROM ${base.text} AS build.` })
    : nodeError(node, message, { word: more, hint: "A stage has one name; remove what stands behind it." });
}

function readStageName(node: DockerfileNode, word: Word): string {
  const name = word.text.toLowerCase();
  if (STAGE_NAME.test(name)) return name;
  throw nodeError(node, `${quote(word.text)} cannot be the name of a stage`, {
    code: "plan/bad-stage-name",
    word,
    hint: "A stage name begins with a letter and goes on with letters, digits, and - _ . only.",
  });
}
