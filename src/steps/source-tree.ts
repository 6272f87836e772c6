import type { FileTree } from "../core/file-tree.ts";
import type { CopyOp } from "../core/step.ts";
import type { StepInputs } from "../solver/types.ts";
import type { LayerBook } from "./layer-book.ts";

/** What a COPY can read from. */
export interface SourceTools {
  readonly book: LayerBook;
  /** A named context's; "": the context itself. */
  readonly context: (name: string) => Promise<FileTree>;
}

/** The tree a COPY reads from. */
export async function sourceTree(op: CopyOp, inputs: StepInputs, tools: SourceTools): Promise<FileTree> {
  if (op.from.type === "context") return await tools.context(op.from.name);
  const result = inputs.reads.get(op.from.step);
  if (result === undefined) throw new Error(`${op.from.step} is not solved`);
  return await tools.book.readable(result.snapshot);
}
