import type { Flag, Heredoc, ParseWarning } from "./ast.ts";
import { trimBlanks } from "./blanks.ts";
import { chompTabs } from "./heredoc.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeRange } from "./node-error.ts";

/** Where readers of instructions leave what does not stop a build. */
export type Warn = (warning: ParseWarning) => void;

/** The fields that every instruction has. */
export function baseOf(node: DockerfileNode, flags: readonly Flag[]) {
  return {
    at: nodeRange(node),
    source: trimBlanks(node.original),
    flags,
    comments: node.comments,
    heredocs: node.heredocs.map(
      ({ content, ...head }): Heredoc => ({
        ...head,
        content: head.chomp ? chompTabs(content) : content,
        raw: content,
      }),
    ),
  };
}
