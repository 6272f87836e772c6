import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import { bytesBelow } from "../store/sweep.ts";
import { takeAway } from "./end-containers.ts";
import { hasContainerLabel } from "./list-containers.ts";
import { parseFilter } from "./list-images.ts";
import { parseMoment } from "./parse-moment.ts";
import type { Workshop } from "./workshop.ts";

export interface PrunedContainers {
  readonly ids: readonly string[];
  /** Of what they had changed, and of their volumes. */
  readonly bytes: number;
}

type Keeps = (stored: StoredContainer) => boolean;

/** Removes every container that does not run and that the filters do not keep. */
export function pruneContainers(filters: readonly string[], shop: Workshop): PrunedContainers {
  const keeps = filters.map(parseFilter).map(({ name, value }) => keepsOf(name, value, shop));
  const going = shop.store.containers
    .list()
    .filter((stored) => stored.state.status !== "running" && !keeps.some((keep) => keep(stored)));
  let bytes = 0;
  for (const stored of going) {
    const dir = shop.store.containers.dirOf(stored.container.id);
    bytes += bytesBelow(join(dir, "work")) + bytesBelow(join(dir, "volumes"));
    takeAway(stored, shop);
  }
  return { ids: going.map(({ container }) => container.id), bytes };
}

function keepsOf(name: string, value: string, shop: Workshop): Keeps {
  switch (name) {
    case "until": {
      const limitMs = parseMoment("filter=until", value, shop.clock.nowMs());
      return ({ container }) => Date.parse(container.created) >= limitMs;
    }
    case "label":
      return (stored) => !hasContainerLabel(stored, value);
    case "label!":
      return (stored) => hasContainerLabel(stored, value);
    default:
      throw new BuildError("cli/usage", `there is no filter "${name}"`, {
        hint: "There are until, label and label!.",
      });
  }
}
