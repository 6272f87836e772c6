import type { Flag, HealthcheckInstruction } from "./ast.ts";
import { readFlags, unreadFlags } from "./flags.ts";
import { parseGoDuration } from "./go-duration.ts";
import { baseOf } from "./instruction-base.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { quote } from "./quote.ts";

const MILLISECOND_NS = 1e6;
const FORMS = "Write HEALTHCHECK [--interval=30s …] CMD command, or HEALTHCHECK NONE.";

/** HEALTHCHECK NONE, or flags and CMD in either form. Nothing in it is expanded. */
export function readHealthcheck(node: DockerfileNode): HealthcheckInstruction {
  const [typeWord, ...words] = node.args;
  if (typeWord === undefined) {
    throw nodeError(node, "HEALTHCHECK requires at least one argument", { hint: FORMS });
  }
  const type = typeWord.text.toUpperCase();
  if (type === "NONE") {
    if (words.length > 0) {
      throw nodeError(node, "HEALTHCHECK NONE takes no arguments", { word: words[0], hint: FORMS });
    }
    return { type: "HEALTHCHECK", ...baseOf(node, unreadFlags(node)), test: ["NONE"] };
  }
  const flags = readFlags(node);
  if (type !== "CMD") {
    throw nodeError(node, `HEALTHCHECK is followed by CMD or NONE, not ${quote(typeWord.text)}`, {
      word: typeWord,
      hint: FORMS,
    });
  }
  if (words.length === 0) {
    throw nodeError(node, "HEALTHCHECK CMD has no command", { word: typeWord, hint: FORMS });
  }
  const command = words.map((word) => word.text);
  return {
    type: "HEALTHCHECK",
    ...baseOf(node, flags),
    test: [node.json ? "CMD" : "CMD-SHELL", ...command],
    ...readOptions(node, flags),
  };
}

function readOptions(node: DockerfileNode, flags: readonly Flag[]): Partial<HealthcheckInstruction> {
  const duration = (name: string) => readDuration(node, flags, name);
  return {
    intervalNs: duration("interval"),
    timeoutNs: duration("timeout"),
    startPeriodNs: duration("start-period"),
    startIntervalNs: duration("start-interval"),
    retries: readRetries(node, flags),
  };
}

/** An empty value is as good as none. */
function readDuration(node: DockerfileNode, flags: readonly Flag[], name: string): number | undefined {
  const index = flags.findIndex((flag) => flag.name === name);
  const value = flags[index]?.value ?? "";
  if (value === "") return undefined;
  const ns = parseGoDuration(value);
  const word = node.flags[index];
  if (ns === undefined) {
    throw nodeError(node, `HEALTHCHECK --${name}: ${quote(value)} is not a duration`, {
      code: "dockerfile/bad-flag",
      word,
      hint: value.includes("$")
        ? "Variables are not expanded in HEALTHCHECK; write the duration itself, such as 30s."
        : "Write a number and a unit (ms, s, m, h), such as 30s or 1m30s.",
    });
  }
  if (ns !== 0 && ns < MILLISECOND_NS) {
    throw nodeError(node, `HEALTHCHECK --${name} cannot be less than 1ms`, {
      code: "dockerfile/bad-flag",
      word,
      hint: "Write at least 1ms, or 0 for the default.",
    });
  }
  return ns;
}

function readRetries(node: DockerfileNode, flags: readonly Flag[]): number | undefined {
  const index = flags.findIndex((flag) => flag.name === "retries");
  const value = flags[index]?.value ?? "";
  if (value === "") return undefined;
  const count = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (count >= 0 && count <= 0x7fff_ffff) return count;
  throw nodeError(node, `HEALTHCHECK --retries: ${quote(value)} is not a count`, {
    code: "dockerfile/bad-flag",
    word: node.flags[index],
    hint: "Write a whole number from 0 up, such as 3.",
  });
}
