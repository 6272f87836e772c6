import type { BindRunMount, CopyOp, CopySource, Op } from "../core/step.ts";

/** Files that a step reads from the context or another step. */
export interface SourceRead {
  /** As a COPY would say it. */
  readonly copy: CopyOp;
  /** Of a RUN: which of its mounts. */
  readonly mount: number | undefined;
}

/** What a step reads: the sources of a COPY, what the mounts of a RUN bring. */
export function sourceReads(op: Op): readonly SourceRead[] {
  if (op.type === "copy") return [{ copy: op, mount: undefined }];
  if (op.type !== "run") return [];
  return (op.mounts ?? []).flatMap((mount, i) => {
    if (mount.type === "bind") return [{ copy: copyOf(mount), mount: i }];
    // All of it is in a new cache; `source` chooses later, from what the cache has become.
    if (mount.type === "cache" && mount.from !== undefined)
      return [{ copy: copyFrom(mount.from, "/"), mount: i }];
    return [];
  });
}

/** Where the source of a context's bind is put, in a layer of its own. */
export const BOUND_AT = "/bound";

/** The mount's source as the one source of a COPY. */
export function copyOf(mount: BindRunMount): CopyOp {
  return copyFrom(mount.from, mount.source);
}

function copyFrom(from: CopySource, source: string): CopyOp {
  // A path and no pattern: every character that means something is escaped.
  const sources = [source.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)];
  return { type: "copy", instruction: "COPY", from, sources, dest: BOUND_AT };
}
