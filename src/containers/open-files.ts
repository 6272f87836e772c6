import { statSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { Workspaces } from "../core/ports.ts";
import { holdRoot } from "../executor/hold-root.ts";
import { openRoot, type RootHandle } from "../host/open-in-root.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Store } from "../store/store.ts";
import { askContainer } from "./control.ts";
import { volumePath } from "./mounts-of.ts";
import { isRunning } from "./run-container.ts";

/** The file system of a container, as its command sees it or would see it. */
export interface ContainerFiles {
  readonly root: RootHandle;
  readonly isRunning: boolean;
}

/**
 * Calls `action` with a container's files: of one that runs, the very mounts of its command; of one that does not, its root mounted
 * for the purpose, while nobody can start it.
 */
export async function withFiles<T>(
  { container, state }: StoredContainer,
  tools: { readonly store: Store; readonly workspaces: Workspaces },
  action: (files: ContainerFiles) => Promise<T>,
): Promise<T> {
  const { store, workspaces } = tools;
  const dir = store.containers.dirOf(container.id);
  if (state.status === "running") {
    using connection = await askContainer(dir, { do: "wait" });
    const pid = (await connection?.answer)?.pid;
    if (pid !== undefined) {
      using root = openRoot(`/proc/${pid}/root`);
      return await action({ root, isRunning: true });
    }
    // It has ended meanwhile.
  }
  using hold = store.containers.hold(container.id);
  if (hold === undefined) throw isRunning(container);
  const workspace = await workspaces.open(container.snapshot, join(dir, "work"));
  await using held = await holdRoot(workspace.root, store.paths.home, workspace.stateDir);
  using root = openRoot(held.path);
  return await action({ root, isRunning: false });
}

/** A path of a container that does not run, in one of its mounts: that is not there, but what it is of is. */
export interface MountedPath {
  /** Directory of this machine. */
  readonly source: string;
  /** Absolute inside the source; ends as the path did. */
  readonly path: string;
}

/** undefined: no mount covers the path. A place that has nothing to copy from or to throws `container/path`. */
export function findMounted(container: Container, path: string, dir: string): MountedPath | undefined {
  const mount = container.mounts
    .filter(({ target }) => `${path}/`.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  if (mount === undefined) return undefined;
  const source =
    mount.type === "bind" ? mount.source : mount.type === "volume" ? volumePath(dir, mount.name) : "";
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() === true) {
    return { source, path: path.slice(mount.target.length) || "/" };
  }
  const hint =
    mount.type === "bind" ? `It is ${source} of this machine: copy that.` : "Start the container first.";
  throw new BuildError(
    "container/path",
    `${path} is in a mount of container ${container.name}, which does not run`,
    { hint },
  );
}
