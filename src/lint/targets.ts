import type { DockerfileAst } from "../dockerfile/ast.ts";
import { describe } from "./describe.ts";
import type { LineRange } from "./finding-list.ts";

/** A stage as something to be built. */
export interface Target {
  readonly name: string | undefined;
  /** Built where nothing else is asked for. */
  readonly isDefault: boolean;
  readonly description: string | undefined;
  /** As written. */
  readonly base: string;
  readonly platform: string | undefined;
  readonly lines: LineRange;
}

/** Every stage of the file, in its order: `--call=targets`. */
export function listTargets({ stages }: DockerfileAst): readonly Target[] {
  return stages.map(({ index, from }) => ({
    name: from.stageName,
    isDefault: index === stages.length - 1,
    description: describe(from.stageName, from.comments),
    base: from.base,
    platform: from.platform,
    lines: { start: from.at.line, end: from.at.endLine },
  }));
}
