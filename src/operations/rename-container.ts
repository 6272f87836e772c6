import { requireName } from "../containers/names.ts";
import { BuildError } from "../core/errors.ts";
import { findContainer } from "./find-container.ts";
import type { Workshop } from "./workshop.ts";

/** Throws `container/name-taken` where another container is called so, `cli/usage` where it is called so itself. */
export function renameContainer(text: string, name: string, shop: Workshop): void {
  const { container } = findContainer(text, shop);
  const wanted = requireName(name);
  if (wanted === container.name) {
    throw new BuildError("cli/usage", `container ${container.name} is called that already`);
  }
  shop.store.containers.rename(container, wanted);
}
