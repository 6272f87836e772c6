import type { CommandForm, CommandInstruction, RunInstruction, ShellInstruction } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { baseOf, type Warn } from "./instruction-base.ts";
import { wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { checkRunFlags } from "./run-flags.ts";

export function readRun(node: DockerfileNode, warn: Warn): RunInstruction {
  const flags = readFlags(node);
  checkRunFlags(node, flags);
  return { type: "RUN", ...baseOf(node, flags), command: commandOf(node, warn) };
}

export function readCommand(
  node: DockerfileNode,
  type: "CMD" | "ENTRYPOINT",
  warn: Warn,
): CommandInstruction {
  const flags = readFlags(node);
  return { type, ...baseOf(node, flags), command: commandOf(node, warn) };
}

export function readShell(node: DockerfileNode): ShellInstruction {
  const flags = readFlags(node);
  const [first] = node.args;
  const hint = 'Write a JSON array with double quotes, such as SHELL ["/bin/bash", "-c"].';
  if (first === undefined) throw nodeError(node, "SHELL requires at least one argument", { hint });
  if (!node.json) {
    throw nodeError(node, "SHELL requires the arguments to be in JSON form", {
      code: "dockerfile/bad-json",
      word: first,
      hint,
    });
  }
  return { type: "SHELL", ...baseOf(node, flags), shell: node.args.map((word) => word.text) };
}

function commandOf(node: DockerfileNode, warn: Warn): CommandForm {
  if (node.json) return { form: "exec", args: node.args.map((word) => word.text) };
  const [word] = node.args;
  const line = word?.text ?? "";
  // `[ -f x ] && …` is a shell's test and fine; `['a']` was meant to be a JSON array.
  if (word !== undefined && /^\[\s*['"“‘][^]*\]$/u.test(line)) {
    warn({
      rule: "InvalidJsonForm",
      message: `${node.keyword}: this looks like a JSON array but is none (double quotes, no comma at the end), so a shell will run it`,
      at: wordRange(node.line, word),
    });
  }
  return { form: "shell", line };
}
