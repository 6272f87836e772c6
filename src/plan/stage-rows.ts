import type { RowPlan } from "../core/events.ts";
import { redactAddresses } from "../core/redact-address.ts";
import type { FromInstruction } from "../dockerfile/ast.ts";
import type { StageNode } from "./stages.ts";

/** The display rows of a stage: FROM, the triggers of its base, its own instructions. */
export function rowsOf(node: StageNode): RowPlan[] {
  const total = node.instructions.length + 1;
  const stage = node.name ?? null;
  const shared = { stage, stageIndex: node.ast.index, total, needed: node.needed };
  const from: FromInstruction = node.ast.from;
  return [
    {
      ...shared,
      id: rowId(node, 0),
      line: from.at.line,
      instruction: from.source,
      ordinal: 1,
      onbuild: false,
    },
    ...node.instructions.map(({ instruction, onbuild }, i) => ({
      ...shared,
      id: rowId(node, i + 1),
      line: onbuild ? from.at.line : instruction.at.line,
      instruction: redactAddresses(instruction.source),
      ordinal: i + 2,
      onbuild,
    })),
  ];
}

function rowId(node: StageNode, position: number): string {
  return `s${node.ast.index}.${position}`;
}
