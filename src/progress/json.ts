import type { ChangeKind } from "../core/cache-key.ts";
import type { BuildEvent, LayerSummary, StepOutcome } from "../core/events.ts";
import type { Renderer, Write } from "./renderer.ts";
import { type BuildView, EMPTY_VIEW, type RowState, type RowView, reduceView } from "./view.ts";

/** The version of every line. It grows when a field changes its meaning or goes; new fields do not count. */
const VERSION = 1;

const OUTCOME_OF = {
  hit: "HIT",
  miss: "MISS",
  skip: "SKIP",
  fail: "FAIL",
  wait: "CANCELED",
  run: "CANCELED",
  canceled: "CANCELED",
} as const satisfies Record<RowState, StepOutcome>;

/** One row of the result line. RULE: tools rely on these names (ux.md, Output). */
export interface JsonStep {
  readonly stage: string | null;
  readonly stageIndex: number;
  readonly line: number;
  readonly instruction: string;
  readonly onbuild: boolean;
  readonly result: StepOutcome;
  readonly reason: ChangeKind | null;
  readonly layer: LayerSummary | null;
  readonly seconds: number | null;
}

export interface JsonResult {
  readonly v: typeof VERSION;
  readonly type: "result";
  readonly image: { readonly id: string; readonly digest: string; readonly tags: readonly string[] } | null;
  readonly error: Extract<BuildEvent, { type: "finished" }>["error"];
  readonly steps: readonly JsonStep[];
}

/** `--progress=json`: every event as one line, and the result as the last one, also of a build that broke off. */
export function createJsonRenderer({ write }: { readonly write: Write }): Renderer {
  let view: BuildView = EMPTY_VIEW;
  let ended = false;
  const end = () => {
    ended = true;
    write(jsonLine(jsonResult(view)));
  };
  return {
    onEvent(event) {
      if (ended) return;
      view = reduceView(view, event);
      write(jsonLine({ v: VERSION, ...event }));
      if (event.type === "finished") end();
    },
    finish() {
      if (!ended) end();
    },
  };
}

/** The row states of a build that has ended; what never ran is CANCELED. */
export function jsonResult(view: BuildView): JsonResult {
  const image = view.result?.image ?? null;
  const error = view.result?.error ?? null;
  return {
    v: VERSION,
    type: "result",
    image: image === null ? null : { id: image.id, digest: image.digest, tags: image.tags },
    error: error === null ? null : pickError(error),
    steps: Array.from(view.rows.values(), jsonStep),
  };
}

/** One line of JSON. Characters that a terminal would act on are escaped, which leaves the data the same. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${text}\n`;
}

function jsonStep(row: RowView): JsonStep {
  const { stage, stageIndex, line, instruction, onbuild } = row.plan;
  return {
    stage,
    stageIndex,
    line,
    instruction,
    onbuild,
    result: OUTCOME_OF[row.state],
    reason: row.change,
    layer: row.layer === null ? null : { diffId: row.layer.diffId, size: row.layer.size },
    seconds: row.seconds === null ? null : Math.round(row.seconds * 1000) / 1000,
  };
}

function pickError({
  code,
  message,
  line,
  column,
  exitCode,
}: NonNullable<JsonResult["error"]>): JsonResult["error"] {
  return { code, message, line, column, exitCode };
}
