import { parseDiskSize } from "../core/disk-size.ts";
import { BuildError } from "../core/errors.ts";
import { parseGoDuration } from "../dockerfile/go-duration.ts";
import type { PruneReport } from "../store/prune.ts";
import { parseFilter } from "./list-images.ts";
import type { Workshop } from "./workshop.ts";

export interface PruneCacheOptions {
  /** Every record; else those not used for a week. */
  readonly all: boolean;
  /** `until=24h`: not used for that long. */
  readonly filters: readonly string[];
  /** `10GB`: the least recently used go until the cache is no larger. */
  readonly keepStorage: string | undefined;
}

const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Removes cache records with the layers and listings that only they needed. Images keep what is theirs. */
export function pruneCache({ all, filters, keepStorage }: PruneCacheOptions, shop: Workshop): PruneReport {
  const parsed = filters.map(parseFilter);
  const type = parsed
    .filter(({ name }) => name === "type")
    .map(({ value }) => typeOf(value))
    .at(-1);
  const unusedForMs = parsed
    .filter(({ name }) => name !== "type")
    .map(({ name, value }) => unusedFor(name, value))
    .at(-1);
  const keepBytes = keepStorage === undefined ? undefined : requireSize(keepStorage);
  const isPlain = unusedForMs === undefined && keepBytes === undefined;
  const limits = {
    ...(unusedForMs === undefined ? {} : { unusedForMs }),
    ...(keepBytes === undefined ? {} : { keepBytes }),
  };
  const records = !isPlain ? limits : all ? "all" : { unusedForMs: WEEK_MS };
  const builds = !isPlain ? {} : all ? { keepBuilds: 1 } : { keepBuilds: 20, buildsOlderThanMs: WEEK_MS };
  if (type === "exec.cachemount") return shop.store.prune({ records: "none", cacheMounts: records });
  return shop.store.prune({ records, ...(type === undefined ? { cacheMounts: records } : {}), ...builds });
}

/** The two of BuildKit's types that there are here. */
function typeOf(value: string): "regular" | "exec.cachemount" {
  if (value === "regular" || value === "exec.cachemount") return value;
  throw new BuildError("cli/usage", `--filter=type=${value} is not a type`, {
    hint: "Write type=regular (results of steps) or type=exec.cachemount (directories of RUN --mount=type=cache).",
  });
}

function unusedFor(name: string, value: string): number {
  const nanos = name === "until" || name === "unused-for" ? parseGoDuration(value) : undefined;
  if (nanos !== undefined) return nanos / 1e6;
  throw new BuildError("cli/usage", `--filter=${name}=${value} is not a filter`, {
    hint: "Write until=24h (what was not used for 24 hours), or type=exec.cachemount.",
  });
}

function requireSize(text: string): number {
  const bytes = parseDiskSize(text);
  if (bytes !== undefined) return bytes;
  throw new BuildError("cli/usage", `--keep-storage=${text} is not a size`, {
    hint: "Write a size such as 500MB or 10GB.",
  });
}
