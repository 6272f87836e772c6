import type { BytePath } from "./byte-path.ts";
import type { Digest } from "./digest.ts";
import type { GitAddress } from "./git-address.ts";
import type { Platform } from "./platform.ts";
import type { SourceRange } from "./source-range.ts";

/** `s0.2`: stage 0, third row. Stable within one plan. */
export type StepId = string & { readonly __brand: "StepId" };

/**
 * What a step does. RULE: everything in an Op is hashed into the cache key, and nothing outside it is. Titles, source
 * ranges and the like are StepMeta.
 */
export type Op = ImageOp | ScratchOp | ConfigOp | WorkdirOp | CopyOp | RunOp;

/** What the rules of another engine (`--cache-model`) add to a step. */
export interface EngineRules {
  /** What that engine compares: the instruction, an ARG's declaration, a COPY's destination, worded as it words them. */
  readonly text: string;
  /** SHELL in force, which the classic builder writes before every `#(nop)`. */
  readonly shell: readonly string[];
  /** On RUN: `K=V` of the ARGs before the command, sorted; undefined: the command stands alone. */
  readonly args?: readonly string[] | undefined;
  /** A result that changes nothing has no layer. */
  readonly dropsEmpty: boolean;
  /** On RUN: absolute paths of volumes. What is written below them is lost. */
  readonly volumes: readonly string[];
}

/** ENV, LABEL, CMD and the like, for engines to which every instruction is a step. Changes no file. */
export interface ConfigOp {
  readonly type: "config";
  /** Upper case. */
  readonly instruction: string;
  readonly rules: EngineRules;
}

/** A base image, by its config digest (what a tag resolved to), never by its name. */
export interface ImageOp {
  readonly type: "image";
  readonly image: Digest;
  readonly platform: Platform;
}

export interface ScratchOp {
  readonly type: "scratch";
}

/** WORKDIR: make a directory (and its parents) where it is missing; present ones stay as they are. */
export interface WorkdirOp {
  readonly type: "workdir";
  /** Absolute, cleaned. */
  readonly path: string;
  /** USER at that point, as written: made directories belong to it. */
  readonly user: string;
  readonly rules?: EngineRules;
}

/** Where COPY reads from. The content enters the key by digests, found when the step is keyed. */
export type CopySource =
  | { readonly type: "context"; readonly name: string }
  | { readonly type: "step"; readonly step: StepId };

/** A heredoc body given to COPY or ADD. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
}

/** Something that ADD fetches. `at` of the op's local sources stand before it. */
export type RemoteSource = HttpSource | GitSource;

/** A file at an address. What it holds enters the key by its digest, found when the step is keyed. */
export interface HttpSource {
  readonly type: "http";
  readonly at: number;
  /** Credentials still in. */
  readonly url: string;
  /** Without them. */
  readonly shown: string;
  /** What the file is called where it goes into a directory. */
  readonly name: string;
  /** `--checksum`: what it has to be. */
  readonly checksum: Digest | undefined;
  /** `--unpack`: only then is an archive unpacked. */
  readonly unpack: boolean;
}

/** Files of a commit. The commit enters the key, found when the step is keyed. */
export interface GitSource {
  readonly type: "git";
  readonly at: number;
  /** `--checksum` and `--keep-git-dir` are in it. */
  readonly address: GitAddress;
}

export interface CopyOp {
  readonly type: "copy";
  readonly instruction: "COPY" | "ADD";
  readonly from: CopySource;
  /** As written after expansion; wildcards still in. */
  readonly sources: readonly string[];
  /** ADD: what is fetched, in the order written. */
  readonly remotes?: readonly RemoteSource[] | undefined;
  /** Heredoc bodies, copied after the sources. */
  readonly inline?: readonly InlineFile[] | undefined;
  /** Absolute, joined with WORKDIR; ends in "/" where the author wrote one. */
  readonly dest: string;
  /** `--chown` as written after expansion. */
  readonly chown?: string | undefined;
  /** `--chmod` as written after expansion. */
  readonly chmod?: string | undefined;
  readonly link?: boolean | undefined;
  readonly parents?: boolean | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** ADD: a local source that is a tar is unpacked. */
  readonly unpack?: boolean | undefined;
  readonly rules?: EngineRules;
}

export interface RunOp {
  readonly type: "run";
  /** argv, shell prepended for the shell form. */
  readonly args: readonly string[];
  /** `K=V`, ENV and declared ARGs in BuildKit's order. */
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly user: string;
  readonly network: NetworkMode;
  /** BUILDKIT_SANDBOX_HOSTNAME, where it was given. */
  readonly hostname?: string | undefined;
  /** Files of a heredoc with a shebang, mounted for the command; name to content. */
  readonly inline?: readonly InlineFile[] | undefined;
  readonly rules?: EngineRules;
  /** In the order in which they are mounted. */
  readonly mounts?: readonly RunMount[] | undefined;
  readonly security?: "insecure" | undefined;
  /** Names of `--add-host`. Their addresses are no part of the key, as with BuildKit. */
  readonly hosts?: readonly string[] | undefined;
  /** Size of /dev/shm. */
  readonly shmBytes?: number | undefined;
  readonly ulimits?: readonly Ulimit[] | undefined;
  readonly cgroupParent?: string | undefined;
}

export type NetworkMode = "host" | "none";

/** One `--ulimit`. -1: unlimited. */
export interface Ulimit {
  /** `nofile`, as setrlimit's constants are called without RLIMIT_. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** A `--mount` of RUN. Targets are absolute and cleaned; what is inside secrets and agents is nobody's to record. */
export type RunMount = BindRunMount | CacheRunMount | TmpfsRunMount | SecretRunMount | SshRunMount;

/** Files of the context, a stage or an image. Writes are discarded. */
export interface BindRunMount {
  readonly type: "bind";
  readonly target: string;
  readonly from: CopySource;
  /** Absolute inside `from`; "/" is all of it. */
  readonly source: string;
  readonly readOnly: boolean;
}

/** A directory that outlives the build. Which one (its id) and how it is shared are StepMeta: they are no part of a key. */
export interface CacheRunMount {
  readonly type: "cache";
  readonly target: string;
  /** What a new one begins with; undefined: nothing. */
  readonly from: CopySource | undefined;
  /** Absolute inside the cache; "/" is all of it. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Of a new one's directory. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface TmpfsRunMount {
  readonly type: "tmpfs";
  readonly target: string;
  readonly sizeBytes: number | undefined;
  readonly readOnly: boolean;
}

export interface SecretRunMount {
  readonly type: "secret";
  readonly id: string;
  /** undefined: no file, only the variable. */
  readonly target: string | undefined;
  /** Variable that holds the value. */
  readonly env: string | undefined;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SshRunMount {
  readonly type: "ssh";
  readonly id: string;
  readonly target: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type CacheSharing = "shared" | "private" | "locked";

/** Which directory a cache mount is, and who may use it at the same time. */
export interface CacheMountName {
  readonly id: string;
  readonly sharing: CacheSharing;
}

/** Facts about a step that are not part of its key. */
export interface StepMeta {
  /** `COPY package.json ./`: the instruction after expansion, on one line. */
  readonly title: string;
  /** `created_by` of the history row. */
  readonly createdBy: string;
  readonly at: SourceRange;
  readonly stageIndex: number;
  readonly stageName: string | undefined;
  /** Position of the instruction in its stage as people count it, FROM being 1; and how many the stage has. */
  readonly ordinal: number;
  readonly total: number;
  /** From an ONBUILD trigger of the base. */
  readonly onbuild: boolean;
  /** Of the stage: what the command runs as. A RUN is keyed by it. */
  readonly platform: Platform;
  /** Proxy variables and the like: given to the command, never keyed or recorded. */
  readonly hiddenEnv: readonly string[];
  /** Values of ARGs in scope, to name the ARG that moved: name to value. */
  readonly args: Readonly<Record<string, string>>;
  /** Of a RUN's cache mounts, by target. */
  readonly cacheMounts?: ReadonlyMap<string, CacheMountName> | undefined;
}

export interface Step {
  readonly id: StepId;
  readonly op: Op;
  /** The step whose file system this one stands on; undefined for `image` and `scratch`. */
  readonly parent: StepId | undefined;
  /** Further steps whose results it reads (`COPY --from`). */
  readonly reads: readonly StepId[];
  readonly meta: StepMeta;
}

/** A resolved user, as the kernel takes it. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/** Source path and place below the destination of one copied thing, before directories are opened. */
export interface CopyItem {
  readonly source: BytePath;
  readonly dest: BytePath;
}
