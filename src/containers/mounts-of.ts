import { join } from "node:path";
import type { Container } from "../core/container.ts";
import type { RunSpec } from "../core/ports.ts";

/** Where a container keeps what is in its VOLUME of this name. */
export function volumePath(dir: string, name: string): string {
  return join(dir, "volumes", name);
}

/** What the executor mounts; `dir`: the container's folder. */
export function mountsOf({ mounts }: Container, dir: string): Pick<RunSpec, "binds" | "mounts"> {
  return {
    binds: mounts.flatMap((mount) => {
      if (mount.type === "tmpfs") return [];
      const source = mount.type === "bind" ? mount.source : volumePath(dir, mount.name);
      return [{ source, target: mount.target, readOnly: mount.readOnly }];
    }),
    mounts: mounts.flatMap((mount) =>
      mount.type === "tmpfs" ? [{ ...mount, sizeBytes: mount.sizeBytes }] : [],
    ),
  };
}
