import { compareBytes } from "../core/byte-path.ts";
import type { TextInstruction, WordsInstruction } from "./ast.ts";
import { trimBlanks } from "./blanks.ts";
import { readFlags, unreadFlags } from "./flags.ts";
import { baseOf, type Warn } from "./instruction-base.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { warnOfIgnoredFlags } from "./variable-instructions.ts";

const EXAMPLES = {
  EXPOSE: "EXPOSE 8080/tcp",
  VOLUME: "VOLUME /data",
  WORKDIR: "WORKDIR /app",
  USER: "USER node",
  STOPSIGNAL: "STOPSIGNAL SIGTERM",
  MAINTAINER: 'LABEL org.opencontainers.image.authors="…"',
};

/** Ports are checked once variables are in them; they come sorted, as BuildKit hands them on. */
export function readExpose(node: DockerfileNode): WordsInstruction {
  requireArgument(node, "EXPOSE");
  const words = node.args.map((word) => word.text).toSorted(byUtf8);
  return { type: "EXPOSE", ...baseOf(node, readFlags(node)), words };
}

export function readVolume(node: DockerfileNode): WordsInstruction {
  requireArgument(node, "VOLUME");
  const flags = readFlags(node);
  const words = node.args.map((word) => {
    const path = trimBlanks(word.text);
    if (path !== "") return path;
    throw nodeError(node, "VOLUME: a path cannot be an empty string", {
      word,
      hint: `Write ${EXAMPLES.VOLUME}.`,
    });
  });
  return { type: "VOLUME", ...baseOf(node, flags), words };
}

/** Everything behind the keyword is the one argument. */
export function readText(node: DockerfileNode, type: TextInstruction["type"], warn: Warn): TextInstruction {
  const [word] = node.args;
  if (word === undefined || node.args.length !== 1) {
    throw nodeError(node, `${type} requires exactly one argument`, {
      hint: `Write for instance ${EXAMPLES[type]}.`,
    });
  }
  if (type === "STOPSIGNAL") warnOfIgnoredFlags(node, warn);
  const flags = type === "STOPSIGNAL" ? unreadFlags(node) : readFlags(node);
  return { type, ...baseOf(node, flags), value: word.text };
}

function requireArgument(node: DockerfileNode, type: "EXPOSE" | "VOLUME"): void {
  if (node.args.length > 0) return;
  throw nodeError(node, `${type} requires at least one argument`, {
    hint: `Write for instance ${EXAMPLES[type]}.`,
  });
}

function byUtf8(a: string, b: string): number {
  return compareBytes(Buffer.from(a, "utf8").toString("latin1"), Buffer.from(b, "utf8").toString("latin1"));
}
