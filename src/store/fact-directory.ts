import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StoreParts } from "./store-parts.ts";

/**
 * Small things worth remembering that can be found out again: a file a fact under `cache/facts/`, named by the hash of what it
 * is about. Never synced; a lost one costs its work once more.
 */
export class FactDirectory {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  has(about: string): boolean {
    return existsSync(this.#path(about));
  }

  get(about: string): string | undefined {
    const path = this.#path(about);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  put(about: string, value: string): void {
    using lease = this.#parts.leases.open("write");
    guardDisk(this.#parts.paths, () =>
      writeFileAtomic(this.#path(about), value, { tempDir: lease.dir, sync: false }),
    );
  }

  #path(about: string): string {
    const hex = createHash("sha256").update(about).digest("hex");
    return join(this.#parts.paths.home, "cache", "facts", hex.slice(0, 2), hex.slice(2, 34));
  }
}
