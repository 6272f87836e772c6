import type { Digest } from "../core/digest.ts";
import type { RowPlan } from "../core/events.ts";
import type { ContainerConfig, HistoryEntry, ImageConfig } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { NetworkMode, Step, StepId, Ulimit } from "../core/step.ts";

/** What a person asked for, as far as planning cares. */
export interface PlanOptions {
  readonly target?: string | undefined;
  /** Every stage counts as needed, reached from the target or not: for checks. */
  readonly allStages?: boolean | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the image to build. */
  readonly platform: Platform;
  /** Of this machine. */
  readonly buildPlatform: Platform;
  readonly network: NetworkMode;
  /** --build-context, by the name that FROM and --from call it by (see contextKey). They go before stages and images of that name. */
  readonly contexts?: ReadonlyMap<string, NamedContext> | undefined;
  /** Stages above the target are built even where nothing reads them, as the classic builder does. */
  readonly everyStage?: boolean | undefined;
  /** Default: nothing asked for, nothing allowed. */
  readonly run?: RunOptions;
}

/** What `--allow` grants (BuildKit's entitlements). */
export type Entitlement = "network.host" | "security.insecure";

/** Of the build's options those that RUN steps are keyed by. */
export interface RunOptions {
  readonly allow: readonly Entitlement[];
  readonly hosts: readonly string[];
  readonly shmBytes: number | undefined;
  readonly ulimits: readonly Ulimit[];
  readonly cgroupParent: string | undefined;
}

export const NO_RUN_OPTIONS: RunOptions = {
  allow: [],
  hosts: [],
  shmBytes: undefined,
  ulimits: [],
  cgroupParent: undefined,
};

/** What a named context stands for. */
export type NamedContext =
  | { readonly type: "folder" }
  /** A name for the store and registries, or `oci-layout://…`. */
  | { readonly type: "image"; readonly name: string }
  /** Another stage of the Dockerfile. */
  | { readonly type: "stage"; readonly name: string };

/** What `--build-arg` gives a name. Names are a person's words: `constructor` is not what an object inherits. */
export function givenArg(buildArgs: PlanOptions["buildArgs"], name: string): string | undefined {
  return Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
}

/** An image named by FROM or `--from`, found. */
export interface ResolvedBase {
  /** Image id: the config digest. */
  readonly image: Digest;
  readonly config: ImageConfig;
}

/** An image the plan needs and does not have yet. */
export interface NeededImage {
  /** As written, variables expanded. */
  readonly name: string;
  readonly platform: Platform;
  readonly at: SourceRange;
}

/** Found images by `imageKey`. */
export type Bases = ReadonlyMap<string, ResolvedBase>;

export function imageKey(name: string, platform: Platform): string {
  return `${platform.os}/${platform.architecture}/${platform.variant ?? ""} ${name}`;
}

/** One instruction, lowered: its display row, its history row, and the step that does its work, if it has any. */
export interface PlannedRow {
  readonly row: RowPlan;
  readonly at: SourceRange;
  /** undefined: no history entry (ONBUILD, FROM). */
  readonly history: { readonly createdBy: string; readonly emptyLayer: boolean } | undefined;
  readonly step: StepId | undefined;
  /** The instruction after expansion: what a metadata row is recognised by in a later build. */
  readonly effective: string;
  /** What other engines compare of it, where that is another text: an ARG's declaration, a COPY's destination, an EXPOSE as written. */
  readonly spelled?: string | undefined;
  /** The configuration as the instruction leaves it. */
  readonly config: ContainerConfig;
  /** On FROM: the name of the image after expansion. */
  readonly base?: string | undefined;
  /** What ARG and ENV set, in order; undefined: declared without a value. On FROM: the ARGs above it. */
  readonly variables?: readonly { readonly name: string; readonly value: string | undefined }[] | undefined;
}

/** A stage that is needed, folded. */
export interface StagePlan {
  readonly index: number;
  readonly name: string | undefined;
  readonly platform: Platform;
  readonly rows: readonly PlannedRow[];
  /** The step whose snapshot is the stage's file system. */
  readonly result: StepId;
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** Configuration of the image or stage it stands on, for the fields that are only passed through. */
  readonly base: ImageConfig | undefined;
  /** History below this stage's own rows: of the base image, or of the stage it is FROM. */
  readonly baseHistory: readonly HistoryEntry[];
  /** The stage it is FROM, if it is one. */
  readonly fromStage: number | undefined;
}

/** The step graph of one build. */
export interface BuildPlan {
  readonly stages: ReadonlyMap<number, StagePlan>;
  readonly target: StagePlan;
  readonly steps: ReadonlyMap<StepId, Step>;
  /** Every row of the Dockerfile in file order, SKIP ones included. */
  readonly rows: readonly RowPlan[];
  /** Build args that no ARG takes up. */
  readonly unusedBuildArgs: readonly string[];
}
