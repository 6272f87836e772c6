import { type ContainerIo, isRunning, runContainer } from "../containers/run-container.ts";
import type { Container } from "../core/container.ts";
import type { Workshop } from "./workshop.ts";

/** Runs a container in this process, to its end; resolves to the exit code of its command. */
export async function runHere(container: Container, io: ContainerIo, shop: Workshop): Promise<number> {
  shop.requireNamespace();
  // Looked at before anything is loaded; the lock decides.
  if (shop.store.containers.read(container.id)?.state.status === "running") throw isRunning(container);
  const [executor, workspaces] = await Promise.all([shop.executor(container.executor), shop.workspaces()]);
  return await runContainer(container, io, {
    store: shop.store,
    clock: shop.clock,
    workspaces,
    executor,
    view: (snapshot) => shop.book.view(snapshot),
  });
}

export type { ContainerIo } from "../containers/run-container.ts";
