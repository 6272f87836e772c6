import { join } from "node:path";
import type { Container } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { Workspaces } from "../core/ports.ts";
import { holdRoot } from "../executor/hold-root.ts";
import { openRoot, type RootHandle } from "../host/open-in-root.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Store } from "../store/store.ts";
import { askContainer } from "./control.ts";
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

/** What is mounted into a container is not there while it does not run: what was copied to its place would be hidden later. */
export function refuseMounted(container: Container, path: string): void {
  const mount = container.mounts.find(({ target }) => `${path}/`.startsWith(`${target}/`));
  if (mount === undefined) return;
  throw new BuildError(
    "container/path",
    `${path} is in a mount of container ${container.name}, which does not run`,
    {
      hint:
        mount.type === "bind"
          ? `It is ${mount.source} of this machine: copy there, or start the container first.`
          : "Start the container first.",
    },
  );
}
