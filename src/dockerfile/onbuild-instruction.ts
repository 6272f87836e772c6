import { isBuildError } from "../core/errors.ts";
import type { FromInstruction, Instruction, OnbuildInstruction } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { baseOf, type Warn } from "./instruction-base.ts";
import { wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";

type ReadInstruction = (node: DockerfileNode, warn: Warn) => Instruction | FromInstruction;

/** ONBUILD and its trigger. Only the keyword of the trigger is judged here, as in Docker; the child build judges the rest. */
export function readOnbuild(
  node: DockerfileNode,
  warn: Warn,
  readInstruction: ReadInstruction,
): OnbuildInstruction {
  const { child } = node;
  if (child === undefined) {
    throw nodeError(node, "ONBUILD requires at least one argument", {
      hint: "Write the instruction to run in child builds behind it, such as ONBUILD COPY . /app.",
    });
  }
  const flags = readFlags(node);
  if (child.keyword === "ONBUILD") {
    throw nodeError(node, "ONBUILD cannot be chained: ONBUILD ONBUILD is not allowed", {
      word: child.instruction,
      hint: "Remove one of the two.",
    });
  }
  if (child.keyword === "FROM" || child.keyword === "MAINTAINER") {
    throw nodeError(node, `${child.keyword} is not allowed as an ONBUILD trigger`, {
      word: child.instruction,
      hint: "Triggers are instructions of a stage, such as COPY, RUN or ENV.",
    });
  }
  return {
    type: "ONBUILD",
    ...baseOf(node, flags),
    trigger: triggerText(node),
    inner: readInner({ ...child, heredocs: node.heredocs, endLine: node.endLine }, warn, readInstruction),
  };
}

/** What the child build parses again: the rest of the line and the bodies of its heredocs. */
function triggerText(node: DockerfileNode): string {
  const line = node.original.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, "");
  return line + node.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join("");
}

function readInner(
  child: DockerfileNode,
  warn: Warn,
  readInstruction: ReadInstruction,
): Instruction | undefined {
  try {
    const inner = readInstruction(child, warn);
    return inner.type === "FROM" ? undefined : inner;
  } catch (error) {
    if (!isBuildError(error)) throw error;
    warn({
      rule: "InvalidOnbuildTrigger",
      message: `this trigger will fail in every child build: ${error.message}`,
      at: error.details.at ?? wordRange(child.line, child.instruction),
    });
    return undefined;
  }
}
