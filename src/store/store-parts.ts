import type { Clock } from "../core/ports.ts";
import type { Claims } from "./claims.ts";
import type { Leases } from "./leases.ts";
import type { StorePaths } from "./store-paths.ts";

/** What every part of the store is built from. */
export interface StoreParts {
  readonly paths: StorePaths;
  readonly clock: Clock;
  readonly leases: Leases;
  readonly claims: Claims;
  /** One line for a person: something was damaged and is treated as missing. */
  readonly warn: (text: string) => void;
}
