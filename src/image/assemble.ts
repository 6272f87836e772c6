import type { DiffId } from "../core/digest.ts";
import type { ContainerConfig, HistoryEntry, ImageConfig } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";

/** `comment` of the history rows of a build, as BuildKit writes it: tools tell by it how to read `created_by`. */
const HISTORY_COMMENT = "buildkit.dockerfile.v0";

/** A history row of this build, before it has a time. */
export interface BuiltRow {
  readonly createdBy: string;
  readonly emptyLayer: boolean;
  /** RFC 3339; undefined: the time of the layer before it. */
  readonly created: string | undefined;
}

export interface ImageParts {
  readonly platform: Platform;
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** Configuration of the base image, for the fields that pass through; undefined for scratch. */
  readonly base: ImageConfig | undefined;
  /** The base's rows, then this build's. */
  readonly baseHistory: readonly HistoryEntry[];
  readonly rows: readonly BuiltRow[];
  /** Of this build's history rows; null: none. Default: BuildKit's. */
  readonly comment?: string | null;
  /** All layers, bottom first. */
  readonly diffIds: readonly DiffId[];
  /** SOURCE_DATE_EPOCH in seconds: every time of this build becomes it. */
  readonly epochSeconds: number | undefined;
}

/**
 * The image configuration (OCI image-spec config.md, with Docker's additions). Field order is fixed and empty fields are left out: the same
 * parts give the same bytes. Metadata rows take the time of the layer before them, so that a fully cached rebuild is the
 * same image.
 */
export function assembleConfig(parts: ImageParts): ImageConfig {
  const { base, platform, epochSeconds, comment = HISTORY_COMMENT } = parts;
  const epoch = epochSeconds === undefined ? undefined : new Date(epochSeconds * 1000).toISOString();
  let last =
    epoch ?? base?.created ?? parts.baseHistory.findLast((row) => row.created !== undefined)?.created;
  const own = parts.rows.map((row): HistoryEntry => {
    last = epoch ?? row.created ?? last;
    return {
      ...(last === undefined ? {} : { created: last }),
      created_by: row.createdBy,
      ...(comment === null ? {} : { comment }),
      ...(row.emptyLayer ? { empty_layer: true } : {}),
    };
  });
  const variant = base === undefined ? platform.variant : base.variant;
  return {
    ...(last === undefined ? {} : { created: last }),
    ...(isBlank(parts.author) ? {} : { author: parts.author }),
    architecture: base?.architecture ?? platform.architecture,
    ...(isBlank(variant) ? {} : { variant }),
    os: base?.os ?? platform.os,
    ...(base?.["os.version"] === undefined ? {} : { "os.version": base["os.version"] }),
    ...(base?.["os.features"] === undefined ? {} : { "os.features": base["os.features"] }),
    config: withoutEmpty(parts.config),
    rootfs: { type: "layers", diff_ids: parts.diffIds },
    history: [...parts.baseHistory, ...own],
  };
}

function isBlank(text: string | undefined): text is "" | undefined {
  return text === undefined || text === "";
}

const FIELDS = [
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
  "Healthcheck",
  "Shell",
  "OnBuild",
  "ArgsEscaped",
] as const;

/** Go's omitempty: empty strings, lists and maps are left out; keys of maps in byte order. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const entries = FIELDS.flatMap((name) => {
    const value: unknown = config[name];
    if (value === undefined || value === "" || value === false) return [];
    // `CMD []` and an absent CMD are different images.
    if (Array.isArray(value))
      return value.length === 0 && name !== "Cmd" && name !== "Entrypoint" ? [] : [[name, value]];
    if (typeof value !== "object" || value === null) return [[name, value]];
    if (Object.keys(value).length === 0) return [];
    return [[name, name === "Healthcheck" ? value : sortKeys(value)]];
  });
  return Object.fromEntries(entries);
}

function sortKeys(value: object): object {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
