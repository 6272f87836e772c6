import type { Digest } from "./digest.ts";
import type { ContainerConfig, ImageConfig } from "./image.ts";
import type { SnapshotRef } from "./ports.ts";
import type { NetworkMode } from "./step.ts";

/** What was decided when a container was made; only its name changes afterwards. */
export interface Container {
  /** 64 hexadecimal digits, at random. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly image: {
    readonly id: Digest;
    /** As it was written. */
    readonly reference: string;
    /** Kept: `rmi --force` may take the image away, and the container goes on. */
    readonly config: ImageConfig;
  };
  /** The layers it stands on. */
  readonly snapshot: SnapshotRef;
  /** The image's configuration with what was asked for on top; Env is complete. */
  readonly config: ContainerConfig;
  readonly hostname: string;
  readonly hasTerminal: boolean;
  readonly opensStdin: boolean;
  readonly network: NetworkMode;
  readonly ports: readonly PortMapping[];
  readonly mounts: readonly ContainerMount[];
  readonly readOnlyRoot: boolean;
  /** `--rm`: gone with the end of its command. */
  readonly autoRemove: boolean;
  readonly executor: string;
}

export interface PortMapping {
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** Targets are absolute inside the container; sources absolute on the machine. */
export type ContainerMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  /** A directory of the container's own: an image's VOLUME. Filled from the image, and no part of what the container changes. */
  | { readonly type: "volume"; readonly name: string; readonly target: string; readonly readOnly: boolean }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly readOnly: boolean;
      readonly sizeBytes?: number | undefined;
    };

/** Where a container's life is at. */
export interface ContainerState {
  readonly status: "created" | "running" | "exited";
  /** Of its command while it runs, as the machine counts. For people: nothing here trusts it. */
  readonly pid: number;
  /** 0 before its first end. */
  readonly exitCode: number;
  /** Why it could not be started, or did not end by itself. */
  readonly error: string;
  /** RFC 3339; null: not yet. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Directories that its root is mounted over, from before its start to its end: their layers may not be removed. */
  readonly lowers: readonly string[];
}

export const NEW_STATE: ContainerState = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  startedAt: null,
  finishedAt: null,
  lowers: [],
};
