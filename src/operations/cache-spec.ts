import { BuildError } from "../core/errors.ts";
import { parseReference, type Reference, withDefaultTag } from "../core/reference.ts";

/** Where results are shared: `--cache-from`, `--cache-to`. */
export type CachePlace =
  | { readonly type: "registry"; readonly reference: Reference }
  /** A folder, absolute or relative to the working directory. */
  | { readonly type: "local"; readonly folder: string };

export interface CacheTarget {
  readonly place: CachePlace;
  /** `min`: the steps whose layers the image has. `max`: every step, those of other stages too. */
  readonly mode: "min" | "max";
  readonly compression: "gzip" | "zstd";
  /** A cache that cannot be written is a warning. */
  readonly ignoreError: boolean;
}

/** A tag has at most 128 characters; the key and a dot take 65. */
const MAX_TAG_CHARACTERS = 63;
const ELSEWHERE = ["inline", "gha", "s3", "azblob"];

/** `type=registry,ref=…`, `type=local,src=…`, or the bare name of a registry's repository. */
export function parseCacheSource(text: string): CachePlace {
  const fields = parseFields(text, "--cache-from");
  refuseOthers(fields, ["type", "ref", "src"], "--cache-from");
  return toPlace(fields, "src", "--cache-from");
}

/** `type=registry,ref=…` or `type=local,dest=…`, with mode, compression and ignore-error. */
export function parseCacheTarget(text: string): CacheTarget {
  const fields = parseFields(text, "--cache-to");
  refuseOthers(fields, ["type", "ref", "dest", "mode", "compression", "ignore-error"], "--cache-to");
  return {
    place: toPlace(fields, "dest", "--cache-to"),
    mode: oneOf(fields, "mode", ["min", "max"] as const),
    compression: oneOf(fields, "compression", ["gzip", "zstd"] as const),
    ignoreError: oneOf(fields, "ignore-error", ["false", "true"] as const) === "true",
  };
}

type Fields = ReadonlyMap<string, string>;

function parseFields(text: string, flag: string): Fields {
  if (!text.includes("="))
    return new Map([
      ["type", "registry"],
      ["ref", text],
    ]);
  const fields = new Map<string, string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    if (equals < 1) throw usage(`${flag}: "${part}" is no KEY=VALUE`);
    fields.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  return fields;
}

function refuseOthers(fields: Fields, known: readonly string[], flag: string): void {
  const other = [...fields.keys()].find((name) => !known.includes(name));
  if (other !== undefined && !ELSEWHERE.includes(fields.get("type") ?? ""))
    throw usage(`${flag}: there is no ${other}=; it knows ${known.join(", ")}`);
}

function toPlace(fields: Fields, folderField: string, flag: string): CachePlace {
  const type = fields.get("type") ?? "";
  if (ELSEWHERE.includes(type)) {
    throw new BuildError("cli/not-supported", `${flag}: type=${type} is not supported`, {
      hint: "Choose type=registry,ref=NAME or type=local.",
    });
  }
  if (type === "registry") {
    const ref = fields.get("ref") ?? "";
    if (ref === "") throw usage(`${flag}: type=registry needs ref=`);
    const reference = withDefaultTag(parseReference(ref));
    if (reference.digest !== undefined) throw usage(`${flag}: a cache is named by a tag, not by a digest`);
    if ((reference.tag ?? "").length > MAX_TAG_CHARACTERS)
      throw usage(`${flag}: the tag of a cache has at most ${MAX_TAG_CHARACTERS} characters`);
    return { type, reference };
  }
  const folder = fields.get(folderField) ?? "";
  if (type === "local" && folder !== "") return { type, folder };
  throw usage(
    type === "local" ? `${flag}: type=local needs ${folderField}=` : `${flag}: type=${type} is not known`,
  );
}

/** The first one is the default. */
function oneOf<T extends string>(fields: Fields, name: string, choices: readonly [T, ...T[]]): T {
  const [byDefault] = choices;
  const value = fields.get(name) ?? byDefault;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw usage(`--cache-to: ${name}=${value} is not known; choose ${choices.join(" or ")}`);
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, {
    hint: "Write: --cache-to type=registry,ref=localhost:5000/cache,mode=max",
  });
}
