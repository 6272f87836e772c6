import { findContainer as find } from "../containers/find-container.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Workshop } from "./workshop.ts";

/** A container of the store, by what a person wrote. Throws `container/not-found`, `container/ambiguous`. */
export function findContainer(text: string, shop: Workshop): StoredContainer {
  return find(text, shop.store);
}
