import type { BytePath } from "./byte-path.ts";
import type { CacheKey, CacheKeyId } from "./cache-key.ts";
import type { ChainId, ContentChain, DiffId, Digest } from "./digest.ts";
import type { FileFacts, TocEntry } from "./file-tree.ts";
import type { NetworkMode, Ulimit, UserIds } from "./step.ts";

/**
 * A blob being written. Bytes land in a temporary file of the same file system and are hashed on the way; nobody sees them
 * before `commit`. Disposing an uncommitted writer removes them.
 */
export interface BlobWriter extends Disposable {
  /** Synchronous: it is the inner loop of packing. Throws `store/disk-full` where there is no space. */
  write(bytes: Uint8Array): void;
  readonly bytesWritten: number;
  /** fsync, rename into place. With `expected`, a different digest throws `store/digest-mismatch` and leaves nothing. */
  commit(expected?: Digest): { readonly digest: Digest; readonly size: number };
}

/** Content-addressed bytes. Writing the same bytes twice is no error and keeps one copy. */
export interface BlobStore {
  has(digest: Digest): boolean;
  /** Bytes; undefined where absent. */
  sizeOf(digest: Digest): number | undefined;
  openWriter(): BlobWriter;
  /** A whole small blob (at most 64 MiB), verified: damage throws `store/damaged`, absence gives undefined. */
  readWhole(digest: Digest): Buffer | undefined;
  /** A file to read the bytes from. The caller verifies what it reads, or has. */
  pathOf(digest: Digest): string;
}

/** One layer of a stack. The uncompressed tar's address and size, and its place in the stack. */
export interface LayerRef {
  readonly diffId: DiffId;
  /** Of this layer over everything below it. */
  readonly chainId: ChainId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

/** A file system state: layers bottom first, and the address of its content without times. */
export interface SnapshotRef {
  readonly layers: readonly LayerRef[];
  readonly content: ContentChain;
}

/** An entry on its way into a layer, in the order of the tar. `content` is asked for once. */
export interface PackEntry {
  readonly entry: Omit<TocEntry, "digest" | "offset">;
  readonly content?: () => Iterable<Uint8Array>;
  /** What the content was keyed as; the packer refuses other bytes with `context/changed`. */
  readonly digest?: Digest | undefined;
}

/** Where a command's root file system comes from. Paths are absolute directories of this machine. */
export type RootSpec =
  | {
      readonly type: "overlay";
      /** Topmost first. */
      readonly lowers: readonly string[];
      readonly upper: string;
      readonly work: string;
      /** What is written outlives this run: the file system is synced as any other when it is unmounted. */
      readonly durable?: boolean;
    }
  | { readonly type: "directory"; readonly path: string };

export interface BindMount {
  readonly source: string;
  /** Absolute inside the root file system; resolved inside it. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** Something of a `--mount` for one command. Targets are absolute inside the root and resolved inside it. */
export type MountSpec =
  /** Part of a file system made for this command alone; `path` is inside it and free of symbolic links. */
  | {
      readonly type: "tree";
      readonly root: RootSpec;
      readonly path: BytePath;
      readonly isDirectory: boolean;
      readonly target: string;
      readonly readOnly: boolean;
    }
  /**
   * A directory that other commands may be writing to; `path` is resolved inside it, and never leads out, whatever they do
   * to it meanwhile.
   */
  | {
      readonly type: "shared";
      readonly directory: string;
      readonly path: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | TmpfsMount
  /** A file in memory: its content reaches no disk. */
  | {
      readonly type: "secret";
      readonly target: string;
      readonly content: Uint8Array;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "socket"; readonly path: string; readonly target: string };

/** A file system in memory, empty at first. */
export interface TmpfsMount {
  readonly type: "tmpfs";
  /** Absolute inside the root file system; resolved inside it. */
  readonly target: string;
  readonly sizeBytes: number | undefined;
  readonly readOnly: boolean;
}

/** A control group for one command: what to write where, and whom it takes in. */
export interface ControlGroup {
  /** Files that take the process that writes "0" into the group. */
  readonly joinFiles: readonly string[];
}

/** What the command of a container reads from. Its output comes through the hooks, as that of build steps does. */
export interface AttachedStdio {
  /** /dev/null; the engine's own standard input; or something that never has anything to read and never ends. */
  readonly stdin: "null" | "inherit" | "open";
  /** A pseudo-terminal of this size is its standard input, output and error; then all output counts as `stdout`. */
  readonly terminal?: TerminalSize | undefined;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A command with `AttachedStdio`, from its start to its end. */
export interface RunningCommand {
  /** As this machine counts; undefined before there is one and after its end. */
  readonly pid: number | undefined;
  /** All processes in the command's pid namespace, as this machine counts. */
  processes(): readonly number[];
  /** Signals the command alone (a number of signal(7)); false where it is not there. */
  kill(signal: number): boolean;
  /** Keys for its terminal. */
  type(bytes: Uint8Array): void;
  resize(size: TerminalSize): void;
}

export interface RunSpec {
  readonly root: RootSpec;
  readonly args: readonly string[];
  /** Complete: `K=V`. Nothing of tsbuild's own environment reaches the command. */
  readonly env: readonly string[];
  /** Absolute inside the root; made there (as root, 0755) where missing. */
  readonly cwd: string;
  readonly user: UserIds;
  readonly network: NetworkMode;
  readonly hostname: string;
  readonly binds: readonly BindMount[];
  /** After `binds`, in this order. */
  readonly mounts?: readonly MountSpec[];
  /** Variables whose values reach no disk and no command line; none is in `env` too. */
  readonly secretEnv?: readonly { readonly name: string; readonly value: string }[];
  /** Further lines of /etc/hosts. */
  readonly hosts?: readonly { readonly name: string; readonly address: string }[];
  /** Of /dev/shm; default 64 MiB. */
  readonly shmBytes?: number;
  readonly ulimits?: readonly Ulimit[];
  readonly controlGroup?: ControlGroup | undefined;
  /** Without the isolation that policy.ts states: all rights that tsbuild itself has. */
  readonly insecure?: boolean;
  /** Build steps read /dev/null; `attach`, for containers, says what the command is connected to. */
  readonly stdio: "capture" | AttachedStdio;
  readonly readOnlyRoot?: boolean;
  /** A directory of the build's lease for state that must not outlive it. */
  readonly stateDir: string;
}

export interface RunResult {
  /** 0–255; 128 + n for a command ended by signal n. */
  readonly exitCode: number;
}

/**
 * Runs one command in a root file system with Docker's isolation: pid, mount, ipc, uts (and, for `none`, network)
 * namespaces; masked and read-only /proc and /sys paths; minimal /dev; Docker's default capabilities; its seccomp profile
 * where the executor has one. Guarantees: no mount, process or file of ours survives the call, whether it ends by itself, by
 * `signal` or by kill -9 of this process; mount points made for the command are gone from the upper again.
 */
export interface Executor {
  readonly name: "native" | "unshare" | "oci";
  /** Rejects `run/cannot-start` where the program is not found (exit 127) or not executable (126). */
  run(
    spec: RunSpec,
    on: {
      readonly output: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
      readonly signal: AbortSignal;
      /** Once the command can be talked to: with `native` its program runs by then, with the others it is about to. */
      readonly started?: (command: RunningCommand) => void;
    },
  ): Promise<RunResult>;
}

/** A writable copy of a snapshot for one step. Disposing removes what was not kept. */
export interface Workspace extends AsyncDisposable {
  readonly root: RootSpec;
  /** A directory for runtime state, removed with the workspace. */
  readonly stateDir: string;
  /** What changed against the snapshot, canonical: sorted, parents first, equal entries dropped, whiteouts explicit. */
  changes(): Iterable<PackEntry>;
  /** Keeps the writable part as the tree of the new top layer `layer` (a later workspace stands on it); times truncated first. */
  keepAs(layer: LayerRef): void;
}

export interface Workspaces {
  /** `kept`: a directory of a container's that holds the workspace between its runs; made with the first. Disposing leaves it. */
  open(snapshot: SnapshotRef, kept?: string): Promise<Workspace>;
  /** What a kept workspace holds, without opening it: its container may be running. */
  changesIn(snapshot: SnapshotRef, kept: string): Iterable<PackEntry>;
}

/** Read access to the merged file system of a snapshot: a FileTree over tables of contents. */
export interface RootFacts {
  facts(path: BytePath): FileFacts | undefined;
}

export interface CacheRecord {
  readonly schema: number;
  readonly key: CacheKey;
  /** The layer the step made; null: it changed nothing and has none. */
  readonly layer: { readonly diffId: DiffId; readonly size: number } | null;
  /** Content chain of the result. */
  readonly content: ContentChain;
  /** RFC 3339: `created` of the history row, kept so that a cached rebuild is the same image. */
  readonly created: string;
  readonly tookMs: number;
  /** Instruction and place, to find the nearest record for `explain`. */
  readonly about: {
    readonly dockerfile: string;
    readonly stage: string;
    readonly ordinal: number;
    readonly title: string;
  };
}

/** Records by key. The first record of a key wins; a damaged one is a miss with a warning. */
export interface CacheIndex {
  get(id: CacheKeyId): CacheRecord | undefined;
  /** Returns the record that stands: an earlier one where another build was faster. `replace` (--no-cache) puts this one in its place. */
  put(record: CacheRecord, replace: boolean): CacheRecord;
  touch(id: CacheKeyId): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs(): number;
}
