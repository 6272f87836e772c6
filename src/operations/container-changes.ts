import { join } from "node:path";
import { askContainer } from "../containers/control.ts";
import { decodePath } from "../core/byte-path.ts";
import type { Container } from "../core/container.ts";
import type { PackEntry } from "../core/ports.ts";
import { errnoOf } from "../host/errno.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import { findContainer } from "./find-container.ts";
import type { Workshop } from "./workshop.ts";

/** Added, changed, deleted; the path absolute, as people read it. */
export interface ChangedPath {
  readonly kind: "A" | "C" | "D";
  readonly path: string;
}

/** A file may go between its listing and a look at it: then the whole is looked at again. */
const TRIES = 5;

/** What a container has changed against its image, parents of a change included, in byte order. */
export async function diffContainer(text: string, shop: Workshop): Promise<readonly ChangedPath[]> {
  shop.requireNamespace();
  const { container } = findContainer(text, shop);
  const below = shop.book.view(container.snapshot);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const changes = await changesOf(container, shop);
      return Array.from(changes, ({ entry: { path, kind } }) => ({
        kind: kind === "whiteout" ? "D" : below.facts(path) === undefined ? "A" : "C",
        path: `/${decodePath(path)}`,
      }));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt === TRIES) throw error;
    }
  }
}

/** The layer that a container's changes are, over its image. */
export async function changesOf(container: Container, shop: Workshop): Promise<Iterable<PackEntry>> {
  const workspaces = await shop.workspaces();
  const dir = join(shop.store.containers.dirOf(container.id), "work");
  return workspaces.changesIn(container.snapshot, dir);
}

/** Runs `action` while the processes of a running container stand still: what is read is of one moment. */
export async function whileFrozen<T>(
  { container, state }: StoredContainer,
  shop: Workshop,
  action: () => Promise<T>,
): Promise<T> {
  if (state.status !== "running") return await action();
  using connection = await askContainer(shop.store.containers.dirOf(container.id), { do: "freeze" });
  await connection?.answer;
  return await action();
}
