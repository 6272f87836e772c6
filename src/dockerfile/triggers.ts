import { BuildError, isBuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { Instruction } from "./ast.ts";
import { readInstruction } from "./instruction.ts";
import { scanDockerfile } from "./scan.ts";

/**
 * An ONBUILD trigger of a base image as an instruction of the child build. It is text from elsewhere, so places in it mean
 * nothing here: every range, those of errors too, is `at`, the FROM that brought it.
 */
export function parseTrigger(text: string, at: SourceRange): Instruction {
  const instruction = readTrigger(text, at);
  const flags = instruction.flags.map((flag) => ({ ...flag, at }));
  return { ...instruction, at, flags };
}

function readTrigger(text: string, at: SourceRange): Instruction {
  try {
    const { nodes } = scanDockerfile(text);
    const [node] = nodes;
    if (node === undefined || nodes.length !== 1) throw badTrigger("it is more than one instruction", at);
    const instruction = readInstruction(node, () => {});
    if (instruction.type === "FROM") throw badTrigger("it is a FROM", at);
    return instruction;
  } catch (error) {
    if (!isBuildError(error)) throw error;
    throw new BuildError(error.code, `the base image's trigger ONBUILD ${summary(text)}: ${error.message}`, {
      ...error.details,
      at,
    });
  }
}

function badTrigger(reason: string, at: SourceRange): BuildError {
  return new BuildError("dockerfile/bad-arguments", reason, {
    hint: "The base image must be built again with a right ONBUILD.",
    at,
  });
}

function summary(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}
