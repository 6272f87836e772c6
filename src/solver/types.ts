import type { CacheModel, KeyMaterial } from "../cache-key/model.ts";
import type { CacheKey, Change } from "../core/cache-key.ts";
import type { Digest } from "../core/digest.ts";
import type { EmitEvent, StepOutcome } from "../core/events.ts";
import type { CacheIndex, CacheRecord, Clock, LayerRef, SnapshotRef } from "../core/ports.ts";
import type { Step, StepId } from "../core/step.ts";

/** A step that is done. */
export interface StepResult {
  readonly step: Step;
  readonly snapshot: SnapshotRef;
  /** The layer it made; undefined for bases. */
  readonly layer: LayerRef | undefined;
  readonly outcome: Extract<StepOutcome, "HIT" | "MISS">;
  /** RFC 3339: when the layer was made. Undefined for bases. */
  readonly created: string | undefined;
  readonly key: CacheKey | undefined;
  readonly changes: readonly Change[];
  /** Milliseconds of work now, or null on a hit. */
  readonly tookMs: number | null;
  /** Milliseconds a hit saved. */
  readonly savedMs: number | null;
}

/** What doing a step's work gives. */
export interface Executed {
  /** undefined: it changed nothing, and its rules keep no layer for that. */
  readonly layer: LayerRef | undefined;
  readonly snapshot: SnapshotRef;
}

/** The snapshots a step reads. */
export interface StepInputs {
  readonly parent: StepResult | undefined;
  readonly reads: ReadonlyMap<StepId, StepResult>;
}

/** A step that cannot be keyed, whatever the steps below it come to. */
export interface RefusedStep {
  readonly step: Step;
  readonly error: Error;
}

/** Everything with an effect that the solver needs. */
export interface SolverPorts {
  readonly model: CacheModel;
  readonly cache: CacheIndex;
  readonly clock: Clock;
  readonly emit: EmitEvent;
  /** Layers and content of an image or of scratch. */
  readonly base: (step: Step) => Promise<SnapshotRef>;
  /** The step's result that an image was made of here: a FROM of it goes on where that build ended. */
  readonly identityOf: (image: Digest) => string | undefined;
  /** What the step's key is made of, parents apart. May read files. */
  readonly material: (
    step: Step,
    inputs: StepInputs,
  ) => Promise<Pick<KeyMaterial, "sources" | "remotes" | "platform" | "redact">>;
  /** The snapshot of a recorded result, or undefined where its layer is no longer there (pruned, damaged). */
  readonly recall: (record: CacheRecord, parent: SnapshotRef) => SnapshotRef | undefined;
  /**
   * Where results come from besides the index: true where one for this key was brought into it, with its layer. Asked on a miss,
   * once a key at a time.
   */
  readonly fetchRecord?: ((step: Step, key: CacheKey, parent: SnapshotRef) => Promise<boolean>) | undefined;
  /** Told of each result as soon as it stands. */
  readonly finished?: ((result: StepResult) => void) | undefined;
  /** Before the work of a step. What it throws ends the whole call, and is no failure of the step: no event tells of it. */
  readonly beforeWork: () => void;
  /** Does the work. Called at most once a key at a time. */
  readonly execute: (step: Step, inputs: StepInputs, signal: AbortSignal) => Promise<Executed>;
  /** Why a step has no record under this key. */
  readonly why: (step: Step, key: CacheKey) => readonly Change[];
  /** Told of every key as soon as it is known, with the changes of a miss: also for builds that fail. */
  readonly keyed: (step: Step, key: CacheKey, changes: readonly Change[]) => void;
  /** A few words for a step's line. */
  readonly describe: (changes: readonly Change[]) => string;
  /** Keeps what `why` will ask for (listings of the files in the key). Called on a miss only, before `why`. */
  readonly remember: (step: Step, inputs: StepInputs) => Promise<void>;
}

export interface SolverOptions {
  /** Most steps that work at once. */
  readonly jobs: number;
  /** Fails before any step works: what the build ends with in any case is not waited for. */
  readonly refused?: RefusedStep | undefined;
  /** Of which stages to ignore records, and write new ones. */
  readonly noCache: (stageIndex: number) => boolean;
  /** For `about` of new records. */
  readonly dockerfile: string;
  readonly signal: AbortSignal;
}
