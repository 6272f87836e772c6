import type { SharedCache, SharedHow } from "./shared-cache.ts";
import type { BuildOptions } from "./types.ts";

/** The shared caches of a build; undefined, and nothing loaded, where it was told of none. */
export async function sharedCacheOf(options: BuildOptions, how: SharedHow): Promise<SharedCache | undefined> {
  const { cacheFrom = [], cacheTo = [] } = options;
  if (cacheFrom.length === 0 && cacheTo.length === 0) return undefined;
  const { openSharedCache } = await import("./shared-cache.ts");
  return await openSharedCache({ cacheFrom, cacheTo }, how);
}
