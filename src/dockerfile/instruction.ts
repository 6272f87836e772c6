import type { FromInstruction, Instruction } from "./ast.ts";
import { readCommand, readRun, readShell } from "./command-instructions.ts";
import { readCopy } from "./copy-instruction.ts";
import { readFrom } from "./from-instruction.ts";
import { readHealthcheck } from "./healthcheck-instruction.ts";
import type { Warn } from "./instruction-base.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { readOnbuild } from "./onbuild-instruction.ts";
import { quote } from "./quote.ts";
import { suggest } from "./suggest.ts";
import { readArg, readPairs } from "./variable-instructions.ts";
import { readExpose, readText, readVolume } from "./word-instructions.ts";

const KEYWORDS = [
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
] as const;

type Reader = (node: DockerfileNode, warn: Warn) => Instruction | FromInstruction;

const READERS: Readonly<Record<(typeof KEYWORDS)[number], Reader>> = {
  ADD: (node) => readCopy(node, "ADD"),
  ARG: readArg,
  CMD: (node, warn) => readCommand(node, "CMD", warn),
  COPY: (node) => readCopy(node, "COPY"),
  ENTRYPOINT: (node, warn) => readCommand(node, "ENTRYPOINT", warn),
  ENV: (node) => readPairs(node, "ENV"),
  EXPOSE: readExpose,
  FROM: readFrom,
  HEALTHCHECK: readHealthcheck,
  LABEL: (node) => readPairs(node, "LABEL"),
  MAINTAINER: (node, warn) => readText(node, "MAINTAINER", warn),
  ONBUILD: (node, warn) => readOnbuild(node, warn, readInstruction),
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: (node, warn) => readText(node, "STOPSIGNAL", warn),
  USER: (node, warn) => readText(node, "USER", warn),
  VOLUME: readVolume,
  WORKDIR: (node, warn) => readText(node, "WORKDIR", warn),
};

/** BuildKit's second stage (instructions/parse.go): keyword, flags, number and form of arguments. Throws dockerfile/* errors. */
export function readInstruction(node: DockerfileNode, warn: Warn): Instruction | FromInstruction {
  const keyword = KEYWORDS.find((known) => known === node.keyword);
  if (keyword !== undefined) return READERS[keyword](node, warn);
  const near = suggest(node.instruction.text, KEYWORDS);
  throw nodeError(node, `${quote(node.instruction.text)} is not an instruction`, {
    code: "dockerfile/unknown-instruction",
    hint:
      near === undefined
        ? `The instructions are ${KEYWORDS.join(" ")}. A line that goes on needs a backslash at the end of the one above.`
        : `Did you mean ${near}?`,
  });
}
