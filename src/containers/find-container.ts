import { BuildError } from "../core/errors.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Store } from "../store/store.ts";

/** A container by its id, its name, or the first digits of its id, in this order. `container/not-found`, `container/ambiguous`. */
export function findContainer(text: string, store: Store): StoredContainer {
  const all = store.containers.list();
  const name = text.startsWith("/") ? text.slice(1) : text;
  const exact =
    all.find(({ container }) => container.id === text) ??
    all.find(({ container }) => container.name === name);
  if (exact !== undefined) return exact;
  const [found, another] = /^[0-9a-f]+$/.test(text)
    ? all.filter(({ container }) => container.id.startsWith(text))
    : [];
  if (found === undefined) {
    throw new BuildError("container/not-found", `there is no container called ${text}`, {
      hint: "List them with: tsbuild ps -a",
    });
  }
  if (another === undefined) return found;
  throw new BuildError("container/ambiguous", `several containers have an id that begins with ${text}`, {
    hint: "Give more of its digits, or its name.",
  });
}

/** As people see an id. */
export function shortContainerId(id: string): string {
  return id.slice(0, 12);
}
