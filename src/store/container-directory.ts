import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Container, ContainerState } from "../core/container.ts";
import { NEW_STATE } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import { uniqueName, withParent, writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import { guardDisk } from "./disk-errors.ts";
import type { LayerDirectory } from "./layer-directory.ts";
import type { ExtraRoots } from "./live-set.ts";
import { namesIn } from "./record-directory.ts";
import { readSealed, seal } from "./sealed-json.ts";
import { isCount, isDigestText, isListOf, isObject, isText } from "./shapes.ts";
import type { StoreParts } from "./store-parts.ts";
import { withLock } from "./with-lock.ts";

const ID = /^[0-9a-f]{64}$/;
/** As long as a reader of the state may hold a container's lock. */
const READERS_MS = 5000;

export interface StoredContainer {
  readonly container: Container;
  readonly state: ContainerState;
}

/**
 * `containers/<id>/`: `container.json`, `state.json`, `lock`, `log` and the workspace (`work/`). RULE: a container runs as long as
 * a process holds its lock. The kernel releases that with the process, so no process id is ever trusted.
 */
export class ContainerDirectory {
  readonly #parts: StoreParts;
  readonly #layers: LayerDirectory;
  /** Locks of containers that this process runs: a second lock file of one path would drop the first. */
  readonly #held = new Map<string, LockFile>();

  constructor(parts: StoreParts, layers: LayerDirectory) {
    this.#parts = parts;
    this.#layers = layers;
  }

  /** Every container that can be read, the latest first. */
  list(): readonly StoredContainer[] {
    return namesIn(this.#parts.paths.containers)
      .filter((name) => ID.test(name))
      .flatMap((id) => this.read(id) ?? [])
      .toSorted((a, b) => (a.container.created < b.container.created ? 1 : -1));
  }

  /** Undefined where it is gone or damaged. */
  read(id: string): StoredContainer | undefined {
    const file = readSealed(join(this.dirOf(id), "container.json"), isContainerFile);
    if (file.state === "good") return { container: file.value.container, state: this.#stateOf(id) };
    if (file.state === "damaged") this.#parts.warn(`container ${id.slice(0, 12)} cannot be read: damaged`);
    return undefined;
  }

  dirOf(id: string): string {
    return join(this.#parts.paths.containers, id);
  }

  /** Its folder is whole or not there. A name that is taken throws `container/name-taken`; `fill` may add to the folder. */
  create(container: Container, fill: (dir: string) => void = () => undefined): void {
    using lease = this.#parts.leases.open("create");
    const dir = join(lease.dir, uniqueName());
    guardDisk(this.#parts.paths, () => {
      mkdirSync(dir, { mode: 0o700 });
      writeFileSync(join(dir, "lock"), "", { mode: 0o600 });
      writeFileSync(join(dir, "log"), "", { mode: 0o600 });
      fill(dir);
      const options = { tempDir: dir, sync: true, mode: 0o600 };
      writeFileAtomic(join(dir, "state.json"), seal({ schema: 1, state: NEW_STATE }), options);
      writeFileAtomic(join(dir, "container.json"), seal({ schema: 1, container }), options);
    });
    this.#changeNames(() => {
      this.#requireFree(container.name, container.id);
      const place = this.dirOf(container.id);
      withParent(place, () => renameSync(dir, place));
    });
  }

  rename(container: Container, name: string): void {
    this.#changeNames(() => {
      this.#requireFree(name, container.id);
      const dir = this.dirOf(container.id);
      const options = { tempDir: dir, sync: true, mode: 0o600 };
      const file = seal({ schema: 1, container: { ...container, name } });
      writeFileAtomic(join(dir, "container.json"), file, options);
    });
  }

  /** Holds the container for running it; undefined where another process does. */
  hold(id: string): Disposable | undefined {
    const lock = new LockFile(join(this.dirOf(id), "lock"), { create: false });
    if (!lock.acquire("exclusive", READERS_MS)) {
      lock[Symbol.dispose]();
      return undefined;
    }
    this.#held.set(id, lock);
    return {
      [Symbol.dispose]: () => {
        this.#held.delete(id);
        lock[Symbol.dispose]();
      },
    };
  }

  writeState(id: string, state: ContainerState): void {
    const dir = this.dirOf(id);
    guardDisk(this.#parts.paths, () =>
      writeFileAtomic(join(dir, "state.json"), seal({ schema: 1, state }), {
        tempDir: dir,
        sync: false,
        mode: 0o600,
      }),
    );
  }

  /** Takes a container that does not run out of the list at once; its files go with this command's lease. */
  remove(id: string): void {
    using lease = this.#parts.leases.open("rm");
    try {
      renameSync(this.dirOf(id), join(lease.dir, uniqueName()));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  /** What containers stand on: no prune may take it. */
  roots(): ExtraRoots {
    const all = this.list();
    const lowers = all.flatMap(({ state }) => state.lowers);
    const mounted = [...this.#layers.entries()].flatMap(({ dir, layer }) =>
      layer !== undefined && lowers.some((lower) => lower.startsWith(`${dir}/`)) ? [layer.chainId] : [],
    );
    const own = all.flatMap(({ container }) => container.snapshot.layers.map(({ chainId }) => chainId));
    return { images: [], layers: [...own, ...mounted] };
  }

  /** RULE: "running" is believed only of a container whose lock is held. */
  #stateOf(id: string): ContainerState {
    const state = this.#readState(id);
    if (state.status !== "running" || this.#held.has(id)) return state;
    using lock = new LockFile(join(this.dirOf(id), "lock"), { create: false });
    if (!lock.acquire("shared", 0)) return state;
    const again = this.#readState(id);
    if (again.status !== "running") return again;
    const ended: ContainerState = {
      ...again,
      status: "exited",
      pid: 0,
      exitCode: 137,
      error: "the tsbuild process that ran it was ended by force",
      finishedAt: new Date(this.#parts.clock.nowMs()).toISOString(),
      lowers: [],
    };
    if (existsSync(this.dirOf(id))) this.writeState(id, ended);
    return ended;
  }

  #readState(id: string): ContainerState {
    const file = readSealed(join(this.dirOf(id), "state.json"), isStateFile);
    return file.state === "good" ? file.value.state : NEW_STATE;
  }

  #changeNames(action: () => void): void {
    const { paths } = this.#parts;
    using lock = new LockFile(paths.containersLock);
    withLock(paths, lock, "exclusive", action);
  }

  #requireFree(name: string, id: string): void {
    const other = this.list().find(({ container }) => container.name === name && container.id !== id);
    if (other === undefined) return;
    throw new BuildError(
      "container/name-taken",
      `the name "${name}" is in use by container ${other.container.id.slice(0, 12)}`,
      { hint: `Remove that container (tsbuild rm ${name}), rename it, or choose another name.` },
    );
  }
}

interface ContainerFile {
  readonly schema: 1;
  readonly container: Container;
}

function isContainerFile(value: unknown): value is ContainerFile {
  if (!isObject(value) || value["schema"] !== 1 || !isObject(value["container"])) return false;
  const { id, name, created, image, snapshot, config } = value["container"];
  return (
    [id, name, created].every(isText) &&
    isObject(image) &&
    isDigestText(image["id"]) &&
    isObject(snapshot) &&
    Array.isArray(snapshot["layers"]) &&
    isObject(config)
  );
}

interface StateFile {
  readonly schema: 1;
  readonly state: ContainerState;
}

function isStateFile(value: unknown): value is StateFile {
  if (!isObject(value) || value["schema"] !== 1 || !isObject(value["state"])) return false;
  const { status, pid, exitCode, lowers } = value["state"];
  return isText(status) && isCount(pid) && isCount(exitCode) && isListOf(lowers, isText);
}
