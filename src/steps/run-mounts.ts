import { chmodSync, chownSync } from "node:fs";
import { encodePath, ROOT_PATH } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { MountSpec, RunSpec, SnapshotRef, Workspace, Workspaces } from "../core/ports.ts";
import type {
  BindRunMount,
  CacheMountName,
  CacheRunMount,
  RunMount,
  RunOp,
  SecretRunMount,
  SshRunMount,
  Step,
} from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { fileNotFound } from "../snapshot/copy.ts";
import { runCopy } from "../snapshot/copy-step.ts";
import type { StepInputs } from "../solver/types.ts";
import { EMPTY_SNAPSHOT, type LayerBook } from "./layer-book.ts";
import { BOUND_AT, copyOf } from "./mount-sources.ts";
import { type SourceTools, sourceTree } from "./source-tree.ts";

/** Where mounts get what they bring. */
export interface MountTools extends SourceTools {
  readonly book: LayerBook;
  readonly workspaces: Pick<Workspaces, "open">;
  readonly caches: MountCaches;
  /** The value of a `--secret`; undefined: none of that id was given. Throws where its file cannot be read. */
  readonly secret: (id: string) => Uint8Array | undefined;
  /** A socket made for one command that leads to the agent of that id; undefined: none was given. */
  readonly agent: (request: AgentRequest) => Promise<AgentSocket | undefined>;
}

export interface AgentRequest {
  readonly id: string;
  /** Where the socket's file is to lie. */
  readonly directory: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface AgentSocket extends Disposable {
  readonly path: string;
}

/** Directories that outlive builds; the store has them. */
export interface MountCaches {
  take(
    request: CacheMountName & {
      readonly base: string;
      readonly fill: (directory: string) => Promise<void>;
      readonly signal: AbortSignal;
    },
  ): Promise<Disposable & { readonly directory: string }>;
  /** Writes a snapshot's files into an empty directory. */
  unpack(snapshot: SnapshotRef, directory: string): Promise<void>;
}

/** The mounts of a command, ready for an executor. Disposing lets go of caches and removes what was made for it alone. */
export interface PreparedMounts extends AsyncDisposable {
  readonly mounts: readonly MountSpec[];
  readonly secretEnv: NonNullable<RunSpec["secretEnv"]>;
}

export async function prepareMounts(
  step: Step & { readonly op: RunOp },
  inputs: StepInputs,
  tools: MountTools,
  about: { readonly stateDir: string; readonly signal: AbortSignal },
): Promise<PreparedMounts> {
  const job = new Preparation(step, inputs, tools, about);
  try {
    await job.prepare(step.op.mounts ?? []);
    return job;
  } catch (error) {
    await job[Symbol.asyncDispose]();
    throw error;
  }
}

class Preparation implements PreparedMounts {
  readonly mounts: MountSpec[] = [];
  readonly secretEnv: { name: string; value: string }[] = [];
  readonly #held: (Disposable | AsyncDisposable)[] = [];
  readonly #step: Step;
  readonly #inputs: StepInputs;
  readonly #tools: MountTools;
  readonly #stateDir: string;
  readonly #signal: AbortSignal;

  constructor(
    step: Step,
    inputs: StepInputs,
    tools: MountTools,
    about: { readonly stateDir: string; readonly signal: AbortSignal },
  ) {
    this.#step = step;
    this.#inputs = inputs;
    this.#tools = tools;
    this.#stateDir = about.stateDir;
    this.#signal = about.signal;
  }

  async prepare(mounts: readonly RunMount[]): Promise<void> {
    const caches = await this.#takeCaches(mounts.filter((mount) => mount.type === "cache"));
    for (const mount of mounts) {
      const spec = await this.#specOf(mount, caches);
      if (spec !== undefined) this.mounts.push(spec);
    }
  }

  async #specOf(mount: RunMount, caches: ReadonlyMap<CacheRunMount, string>): Promise<MountSpec | undefined> {
    switch (mount.type) {
      case "bind":
        return await this.#bind(mount);
      case "cache": {
        const { target, source, readOnly } = mount;
        return { type: "shared", directory: caches.get(mount) ?? "", path: source, target, readOnly };
      }
      case "tmpfs": {
        const { target, sizeBytes, readOnly } = mount;
        return { type: "tmpfs", target, sizeBytes, readOnly };
      }
      case "secret":
        return this.#secret(mount);
      case "ssh":
        return await this.#agent(mount);
      default:
        return unreachable(mount);
    }
  }

  /** Always in one order, whatever the instruction's: two steps that want each other's would wait for ever. */
  async #takeCaches(mounts: readonly CacheRunMount[]): Promise<Map<CacheRunMount, string>> {
    const taken = new Map<CacheRunMount, string>();
    const byName = new Map<string, string>();
    const named = mounts.map((mount) => ({ mount, ...this.#cacheName(mount), base: this.#baseOf(mount) }));
    for (const { mount, id, sharing, base } of named.toSorted((a, b) =>
      compare(a.id + a.base, b.id + b.base),
    )) {
      // Twice in one instruction it is one directory: waiting for oneself would never end.
      const name = `${sharing} ${base} ${id}`;
      const known = sharing === "private" ? undefined : byName.get(name);
      const directory = known ?? (await this.#take(mount, { id, sharing, base }));
      byName.set(name, directory);
      taken.set(mount, directory);
    }
    return taken;
  }

  async #take(mount: CacheRunMount, name: CacheMountName & { readonly base: string }): Promise<string> {
    const held = await this.#tools.caches.take({
      ...name,
      signal: this.#signal,
      fill: async (directory) => {
        const snapshot = this.#snapshotOf(mount);
        if (snapshot !== undefined) return await this.#tools.caches.unpack(snapshot, directory);
        chownSync(directory, mount.uid, mount.gid);
        chmodSync(directory, mount.mode);
      },
    });
    this.#held.push(held);
    return held.directory;
  }

  #cacheName({ target }: CacheRunMount): CacheMountName {
    return this.#step.meta.cacheMounts?.get(target) ?? { id: target, sharing: "shared" };
  }

  /** What a new one begins with is part of which one it is, as with BuildKit. */
  #baseOf(mount: CacheRunMount): string {
    const snapshot = this.#snapshotOf(mount);
    return snapshot === undefined ? `${mount.mode.toString(8)} ${mount.uid}:${mount.gid}` : snapshot.content;
  }

  #snapshotOf({ from }: CacheRunMount): SnapshotRef | undefined {
    return from?.type === "step" ? this.#inputs.reads.get(from.step)?.snapshot : undefined;
  }

  async #bind(mount: BindRunMount): Promise<MountSpec> {
    const { snapshot, path } = await this.#bound(mount);
    const view = await this.#tools.book.readable(snapshot);
    const real = view.resolve(encodePath(path), true);
    const facts = real === undefined ? undefined : view.facts(real);
    if (real === undefined || (facts === undefined && real !== ROOT_PATH)) throw fileNotFound(mount.source);
    const workspace: Workspace = await this.#tools.workspaces.open(snapshot);
    this.#held.push(workspace);
    return {
      type: "tree",
      root: workspace.root,
      path: real,
      isDirectory: facts === undefined || facts.type === "dir",
      target: mount.target,
      readOnly: mount.readOnly,
    };
  }

  /** The context's files as a layer of their own: what .dockerignore takes away is not there, and nothing can reach the context itself. */
  async #bound(mount: BindRunMount): Promise<{ readonly snapshot: SnapshotRef; readonly path: string }> {
    const { from } = mount;
    if (from.type === "step") {
      const snapshot = this.#inputs.reads.get(from.step)?.snapshot;
      if (snapshot === undefined) throw new Error(`${from.step} is not solved`);
      return { snapshot, path: mount.source };
    }
    const copy = copyOf(mount);
    const tree = await sourceTree(copy, this.#inputs, this.#tools);
    const below = this.#tools.book.view(EMPTY_SNAPSHOT);
    const view = runCopy(copy, { from: tree, below }, 0);
    const { snapshot } = await this.#tools.book.add(EMPTY_SNAPSHOT, view.entries(), this.#signal);
    return { snapshot, path: BOUND_AT };
  }

  #secret(mount: SecretRunMount): MountSpec | undefined {
    const { id, target, env, mode, uid, gid } = mount;
    const content = this.#tools.secret(id);
    if (content === undefined) {
      if (!mount.required) return undefined;
      throw new BuildError("run/no-secret", `the secret "${id}" is required and was not given`, {
        hint: `Give it: --secret id=${id},src=FILE, or --secret id=${id},env=VARIABLE.`,
        word: id,
      });
    }
    if (env !== undefined) this.secretEnv.push({ name: env, value: variableOf(content, id) });
    return target === undefined ? undefined : { type: "secret", target, content, mode, uid, gid };
  }

  async #agent({ id, target, required, mode, uid, gid }: SshRunMount): Promise<MountSpec | undefined> {
    const directory = this.#stateDir;
    const socket = await this.#tools.agent({ id, directory, mode, uid, gid });
    if (socket !== undefined) {
      this.#held.push(socket);
      return { type: "socket", path: socket.path, target };
    }
    if (!required) return undefined;
    throw new BuildError("run/no-secret", `the SSH agent "${id}" is required and was not given`, {
      hint: id === "default" ? "Give it: --ssh default." : `Give it: --ssh ${id}=SOCKET or KEY.`,
      word: id,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of this.#held.splice(0).toReversed()) {
      if (Symbol.asyncDispose in held) await held[Symbol.asyncDispose]();
      else held[Symbol.dispose]();
    }
  }
}

function variableOf(content: Uint8Array, id: string): string {
  const value = Buffer.from(content).toString("utf8");
  if (!content.includes(0)) return value;
  throw new BuildError("run/no-secret", `the secret "${id}" holds a NUL byte and cannot be a variable`, {
    hint: "Mount it as a file: leave env out.",
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
