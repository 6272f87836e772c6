import type { SourceText } from "../core/source-range.ts";
import type { ArgInstruction, DockerfileAst, FromInstruction, Instruction } from "./ast.ts";
import { readInstruction } from "./instruction.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { scanDockerfile } from "./scan.ts";

/**
 * A Dockerfile's text to its stages, raw values as written. Throws the first error as a BuildError with its place and a
 * hint. A file of ARGs alone parses, with no stage.
 */
export function parseDockerfile(source: SourceText): DockerfileAst {
  const scan = scanDockerfile(source.text);
  const warnings = [...scan.warnings];
  const metaArgs: ArgInstruction[] = [];
  const stages: { index: number; from: FromInstruction; instructions: Instruction[] }[] = [];
  for (const node of scan.nodes) {
    const instruction = readInstruction(node, (warning) => warnings.push(warning));
    const stage = stages.at(-1);
    if (instruction.type === "FROM")
      stages.push({ index: stages.length, from: instruction, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.type === "ARG") metaArgs.push(instruction);
    else throw beforeFrom(node);
  }
  return {
    name: source.name,
    text: source.text,
    escape: scan.escape,
    directives: scan.directives,
    metaArgs,
    stages,
    warnings: warnings.toSorted((a, b) => a.at.line - b.at.line),
  };
}

function beforeFrom(node: DockerfileNode) {
  return nodeError(node, `${node.keyword} stands before the first FROM`, {
    code: "dockerfile/before-from",
    hint: "Begin the file with FROM: a base image, or scratch. Only ARG may stand above it.",
  });
}
