import type { CopyInstruction, Heredoc } from "./ast.ts";
import { readFlags } from "./flags.ts";
import { parseHeredocWord } from "./heredoc.ts";
import { baseOf } from "./instruction-base.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";

/** COPY and ADD: sources, then the destination. */
export function readCopy(node: DockerfileNode, type: "COPY" | "ADD"): CopyInstruction {
  const dest = node.args.at(-1);
  if (dest === undefined || node.args.length < 2) {
    throw nodeError(node, `${type} requires at least two arguments: what to copy, and where to`, {
      word: dest,
      hint:
        dest === undefined || node.json
          ? `Write ${type} source destination.`
          : `Write ${type} ${dest.text} destination, such as ./`,
    });
  }
  const flags = readFlags(node);
  if (parseHeredocWord(dest.text) !== undefined) {
    throw nodeError(node, `${type} cannot take a heredoc as its destination`, {
      word: dest,
      hint: `Put the path last: ${type} ${dest.text} /path/of/file.`,
    });
  }
  const sources = node.args.slice(0, -1).map((word) => word.text);
  const base = baseOf(node, flags);
  return { type, ...base, heredocs: withEmptyBodies(sources, base.heredocs), sources, dest: dest.text };
}

/** Inside a JSON array `<<EOF` opens no body, and yet is one to BuildKit: an empty file of that name. */
function withEmptyBodies(sources: readonly string[], heredocs: readonly Heredoc[]): readonly Heredoc[] {
  const names = new Set(heredocs.map((heredoc) => heredoc.name));
  const empty = sources.flatMap((source) => {
    const head = parseHeredocWord(source);
    return head === undefined || names.has(head.name) ? [] : [{ ...head, content: "", raw: "" }];
  });
  return empty.length === 0 ? heredocs : [...heredocs, ...empty];
}
