import type { CacheKey, CacheKeyId } from "../core/cache-key.ts";
import {
  type ContentChain,
  type DiffId,
  parseDiffId,
  parseDigest,
  requireContentChain,
} from "../core/digest.ts";
import type { CacheRecord } from "../core/ports.ts";

/**
 * A result of a step as machines share it. No inputs, no names, no paths: who can use it has the same key, and with it all of
 * them; who cannot learns nothing from it.
 */
export interface SharedRecord {
  readonly schema: 1;
  readonly key: CacheKeyId;
  readonly model: CacheKey["model"];
  readonly layer: { readonly diffId: DiffId; readonly size: number } | null;
  readonly content: ContentChain;
  readonly created: string;
  readonly tookMs: number;
}

export function toSharedRecord({ key, layer, content, created, tookMs }: CacheRecord): SharedRecord {
  return { schema: 1, key: key.id, model: key.model, layer, content, created, tookMs };
}

export function encodeSharedRecord(record: SharedRecord): Buffer {
  return Buffer.from(JSON.stringify(record), "utf8");
}

/** What is wrong with foreign bytes as the record of this key, else the record. */
export function readSharedRecord(bytes: Buffer, key: Pick<CacheKey, "id" | "model">): SharedRecord | string {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch {
    return "its record is no JSON";
  }
  if (!isObject(json)) return "its record is no object";
  if (json["schema"] !== 1) return "its record is of a version that is not known";
  if (json["key"] !== key.id || json["model"] !== key.model) return "its record is of another key";
  const { layer, content, created, tookMs } = json;
  const isSound =
    isText(content) &&
    parseDigest(content) !== undefined &&
    isText(created) &&
    typeof tookMs === "number" &&
    tookMs >= 0;
  const layerFacts = readLayer(layer);
  if (!isSound || layerFacts === undefined || !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(created))
    return "its record is damaged";
  return {
    schema: 1,
    key: key.id,
    model: key.model,
    layer: layerFacts,
    content: requireContentChain(content),
    created,
    tookMs,
  };
}

function readLayer(value: unknown): SharedRecord["layer"] | undefined {
  if (value === null) return null;
  if (!isObject(value)) return undefined;
  const { diffId, size } = value;
  const parsed = isText(diffId) ? parseDiffId(diffId) : undefined;
  return parsed === undefined || typeof size !== "number" || size < 0 ? undefined : { diffId: parsed, size };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
