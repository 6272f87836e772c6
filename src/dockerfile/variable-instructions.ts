import type { ArgInstruction, EnvInstruction } from "./ast.ts";
import { readFlags, unreadFlags } from "./flags.ts";
import { baseOf, type Warn } from "./instruction-base.ts";
import { wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";

/** ARG name, ARG name=value, several on a line. */
export function readArg(node: DockerfileNode, warn: Warn): ArgInstruction {
  if (node.args.length === 0) {
    throw nodeError(node, "ARG requires at least one argument", {
      hint: "Write ARG NAME or ARG NAME=default.",
    });
  }
  const args = node.args.map((word) => {
    const equals = word.text.indexOf("=");
    if (equals < 0) return { key: word.text, value: undefined };
    if (equals > 0) return { key: word.text.slice(0, equals), value: word.text.slice(equals + 1) };
    throw nodeError(node, "ARG names can not be blank", {
      word,
      hint: "Write the name before the =: ARG NAME=default.",
    });
  });
  warnOfIgnoredFlags(node, warn);
  return { type: "ARG", ...baseOf(node, unreadFlags(node)), args };
}

/** BuildKit drops flags of ARG and STOPSIGNAL without a word; here at least one is said. */
export function warnOfIgnoredFlags(node: DockerfileNode, warn: Warn): void {
  for (const word of node.flags) {
    warn({
      rule: "IgnoredFlag",
      message: `${node.keyword} takes no flags: ${word.text} is ignored`,
      at: wordRange(node.line, word),
    });
  }
}

/** ENV and LABEL: name=value pairs, or the old form with a blank. */
export function readPairs(node: DockerfileNode, type: "ENV" | "LABEL"): EnvInstruction {
  const flags = readFlags(node);
  if (node.args.length === 0) {
    throw nodeError(node, `${type} requires at least one argument`, { hint: `Write ${type} NAME=value.` });
  }
  const pairs: { key: string; value: string; legacy: boolean }[] = [];
  for (let i = 0; i < node.args.length; i += 3) {
    const [name, value, separator] = node.args.slice(i, i + 3);
    if (name === undefined || name.text === "") {
      throw nodeError(node, `${type} names can not be blank`, {
        word: separator,
        hint: `Write the name right before the =: ${type} NAME=value.`,
      });
    }
    pairs.push({ key: name.text, value: value?.text ?? "", legacy: separator?.text === "" });
  }
  return { type, ...baseOf(node, flags), pairs };
}
