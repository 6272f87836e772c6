import type { Change } from "./cache-key.ts";
import type { DiffId, Digest } from "./digest.ts";
import type { ErrorCode } from "./error-codes.ts";

export type StepOutcome = "HIT" | "MISS" | "SKIP" | "FAIL" | "CANCELED";

/** A row of the display: one instruction of the Dockerfile (or one ONBUILD trigger), with or without a step of its own. */
export interface RowPlan {
  /** `s0.2`; rows of metadata instructions have ids of the same form. */
  readonly id: string;
  readonly stage: string | null;
  readonly stageIndex: number;
  readonly line: number;
  /** The instruction on one line, as the person wrote it. */
  readonly instruction: string;
  /** 1-based place among the rows of its stage, and how many there are. */
  readonly ordinal: number;
  readonly total: number;
  readonly onbuild: boolean;
  /** False: the stage is not needed for the target; the row is SKIP from the start. */
  readonly needed: boolean;
}

export interface LayerSummary {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

/** Immutable facts about a build, in order. `atMs` is milliseconds since the build began. */
export type BuildEvent = { readonly atMs: number } & (
  | {
      readonly type: "build-started";
      readonly id: string;
      readonly tags: readonly string[];
      readonly dockerfile: string;
      readonly platform: string;
    }
  | { readonly type: "context"; readonly files: number; readonly bytes: number }
  | { readonly type: "planned"; readonly rows: readonly RowPlan[] }
  | { readonly type: "step-started"; readonly row: string }
  | {
      readonly type: "step-output";
      readonly row: string;
      readonly stream: "stdout" | "stderr";
      /** Decoded as UTF-8, control characters still in: renderers make them harmless. */
      readonly text: string;
    }
  | {
      readonly type: "step-finished";
      readonly row: string;
      readonly result: StepOutcome;
      /** Milliseconds of work; null where nothing ran. */
      readonly tookMs: number | null;
      /** What the step took when it was made, on a HIT: what the hit saved. */
      readonly savedMs: number | null;
      readonly layer: LayerSummary | null;
      /** On FROM: the id of the image it resolved to, shown where other rows show the size of their layer. */
      readonly base?: Digest;
      /** A few words: `package-lock.json changed`, `step 3 changed`, `first build`; null on a HIT or SKIP. */
      readonly reason: string | null;
      /** The first change, for tools; null on a HIT or SKIP. */
      readonly change: Change | null;
    }
  | {
      /** Pulls and pushes: one line a blob, summed by renderers into one bar. */
      readonly type: "transfer";
      readonly row: string | null;
      readonly blob: Digest;
      readonly direction: "pull" | "push";
      readonly state: "waiting" | "running" | "done" | "exists" | "retrying";
      readonly doneBytes: number;
      readonly totalBytes: number;
      /** Over how many attempts; and what made the last one fail. */
      readonly note?: string;
    }
  | { readonly type: "note"; readonly level: "info" | "warning" | "debug"; readonly text: string }
  | ({ readonly type: "check-warning" } & CheckWarning)
  | {
      readonly type: "finished";
      readonly image: {
        readonly id: Digest;
        readonly digest: Digest;
        readonly tags: readonly string[];
      } | null;
      readonly sizeBytes: number;
      readonly layers: number;
      readonly error: EventError | null;
    }
);

/** What a build check found; the build goes on. Lines and columns as in SourceRange. */
export interface CheckWarning {
  /** `UndefinedVar`. */
  readonly rule: string;
  readonly message: string;
  /** What the rule asks for, and why. */
  readonly description: string;
  /** Where it is explained: a place in tsbuild's own documents. */
  readonly docs: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface EventError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
  /** Of the command that failed. */
  readonly exitCode: number | null;
}

/** A build event without its clock: what producers make; the engine stamps it. */
export type Unstamped<E> = E extends unknown ? Omit<E, "atMs"> : never;
export type EmitEvent = (event: Unstamped<BuildEvent>) => void;
