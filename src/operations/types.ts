import type { CacheModelName, Change } from "../core/cache-key.ts";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import type { LayerSummary, StepOutcome } from "../core/events.ts";
import type { NetworkMode, Ulimit } from "../core/step.ts";
import type { ResourceLimits } from "../executor/control-group.ts";
import type { Annotation, OutputSpec } from "../output/output-spec.ts";
import type { Entitlement } from "../plan/types.ts";
import type { BuildContext } from "./build-contexts.ts";

/** What `build` takes; everything but the context has a default. */
export interface BuildOptions {
  /** A directory, or "-" to read a tar or a Dockerfile from `stdin`. */
  readonly context: string;
  /** Path of the Dockerfile, or "-". Default: Dockerfile in the context. */
  readonly dockerfile?: string | undefined;
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly target?: string | undefined;
  readonly noCache?: boolean | undefined;
  /** Ask registries even for images that are here. */
  readonly pull?: boolean | undefined;
  readonly platform?: string | undefined;
  readonly network?: NetworkMode | undefined;
  readonly jobs?: number | undefined;
  readonly executor?: string | undefined;
  readonly cacheModel?: CacheModelName | undefined;
  /** Where results of other machines are met: `type=registry,ref=…`, `type=local,src=…`. */
  readonly cacheFrom?: readonly string[] | undefined;
  /** Where results are published: `type=registry,ref=…`, `type=local,dest=…`, with `mode=min|max`. */
  readonly cacheTo?: readonly string[] | undefined;
  /** SOURCE_DATE_EPOCH in seconds. */
  readonly sourceDateEpoch?: number | undefined;
  /** Notes of level debug: what is decided, and why. */
  readonly debug?: boolean | undefined;
  /** Where the result goes besides the store; none: the store alone. */
  readonly outputs?: readonly OutputSpec[] | undefined;
  /** Takes what an output to "-" is, piece by piece; a piece is valid until the next one is asked for. */
  readonly standardOutput?: ((pieces: AsyncIterable<Uint8Array>) => Promise<void>) | undefined;
  readonly annotations?: readonly Annotation[] | undefined;
  /** With SOURCE_DATE_EPOCH: leave the times of files in layers as they are. */
  readonly keepTimestamps?: boolean | undefined;
  /** --build-context: names to folders and images, as `parseBuildContext` reads them. */
  readonly buildContexts?: readonly BuildContext[] | undefined;
  /** Stages that run all their steps, as with noCache. */
  readonly noCacheFilter?: readonly string[] | undefined;
  /** Several make an image index; one is as `platform`. */
  readonly platforms?: readonly string[] | undefined;
  /** What RUN --mount=type=secret asks for. Values are read when a step wants them, and recorded nowhere. */
  readonly secrets?: readonly SecretSource[] | undefined;
  /** What RUN --mount=type=ssh asks for. */
  readonly ssh?: readonly SshSource[] | undefined;
  /** What RUN --network=host and --security=insecure need. */
  readonly allow?: readonly Entitlement[] | undefined;
  /** Further lines of /etc/hosts in RUN. */
  readonly addHosts?: readonly { readonly name: string; readonly address: string }[] | undefined;
  /** Size of /dev/shm in RUN. */
  readonly shmBytes?: number | undefined;
  readonly ulimits?: readonly Ulimit[] | undefined;
  /** Limits of each RUN; where they cannot be set, a note says so. */
  readonly limits?: ResourceLimits | undefined;
  readonly cgroupParent?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A secret: the content of a file, or the value of a variable. With neither, `id` is the name of one or the other. */
export interface SecretSource {
  readonly id: string;
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

/** An SSH agent: the path of one socket, or of key files for an agent of the build's own. */
export interface SshSource {
  readonly id: string;
  readonly paths: readonly string[];
}

/** One instruction of a finished build. */
export interface BuiltStep {
  /** Row id, such as `s0.2`. */
  readonly id: string;
  readonly stage: string | null;
  readonly stageIndex: number;
  readonly line: number;
  readonly instruction: string;
  readonly onbuild: boolean;
  readonly ordinal: number;
  readonly total: number;
  readonly result: StepOutcome;
  readonly cache:
    | { readonly status: "hit" }
    | { readonly status: "miss"; readonly reasons: readonly Change[] }
    | { readonly status: "none" };
  readonly layer: LayerSummary | null;
  /** Seconds of work in this build. */
  readonly seconds: number | null;
}

export interface BuildResult {
  /** Of the build record. */
  readonly id: string;
  /** Of several platforms both are the index's digest; null: files were written, and no image kept. */
  readonly image: { readonly id: Digest; readonly digest: Digest; readonly tags: readonly string[] } | null;
  /** The manifest or index that left the store last (or was kept there), as others know the image by. */
  readonly descriptor: Descriptor | null;
  readonly sizeBytes: number;
  readonly layers: number;
  readonly steps: readonly BuiltStep[];
}

export type { ResourceLimits } from "../executor/control-group.ts";
export type { Entitlement } from "../plan/types.ts";
export type { CacheMountEntry } from "../store/cache-mount-directory.ts";
export type { RecordEntry } from "../store/record-directory.ts";
export type { StoreUsage } from "../store/usage.ts";
