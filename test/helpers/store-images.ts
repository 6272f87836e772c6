import { createHash } from "node:crypto";
import { readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { CacheKeyId } from "../../src/core/cache-key.ts";
import { MEDIA_TYPE } from "../../src/core/descriptor.ts";
import {
  type ChainId,
  type DiffId,
  type Digest,
  requireChainId,
  requireContentChain,
  requireDigest,
  toDiffId,
} from "../../src/core/digest.ts";
import type { CacheRecord } from "../../src/core/ports.ts";
import type { NewImage } from "../../src/store/image-directory.ts";
import type { Store } from "../../src/store/store.ts";

export const sha256 = (text: string | Uint8Array): Digest =>
  requireDigest(`sha256:${createHash("sha256").update(text).digest("hex")}`);

/** A cache record whose key is named by a word. */
export function recordOf(name: string, more: Partial<CacheRecord> = {}): CacheRecord {
  return {
    schema: 1,
    key: {
      model: "tsbuild",
      inputs: [{ kind: "instruction", subject: "", value: `RUN ${name}` }],
      id: sha256(name) as string as CacheKeyId,
    },
    layer: null,
    content: requireContentChain(sha256(`content ${name}`)),
    created: "2026-01-01T00:00:00Z",
    tookMs: 5,
    about: { dockerfile: "Dockerfile", stage: "0", ordinal: 2, title: `RUN ${name}` },
    ...more,
  };
}

export interface TestLayer {
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  readonly size: number;
  readonly record: CacheRecord;
}

/** What a step leaves: a blob of the cache, its table of contents, its record. The bytes stand for a tar. */
export function addLayer(store: Store, name: string, below?: TestLayer): TestLayer {
  using _lease = store.openLease("test");
  const { digest, size } = store.cacheBlobs.write(Buffer.from(`tar of ${name}`.padEnd(1024)));
  const diffId = toDiffId(digest);
  const chainId = requireChainId(below === undefined ? digest : sha256(`${below.chainId} ${diffId}`));
  const content = requireContentChain(sha256(`content ${chainId}`));
  const blobs = [{ mediaType: MEDIA_TYPE.ociLayer, digest, size }];
  store.layers.write({ diffId, chainId, size, content, blobs }, Buffer.from(`toc of ${name}`));
  const record = recordOf(name, { layer: { diffId, size }, content });
  store.records.put(record, false);
  return { diffId, chainId, size, record };
}

/** Config and manifest over layers that are in the store, ready to be added. */
export function imageOf(
  store: Store,
  layers: readonly TestLayer[],
  names: readonly string[],
  note = "",
): NewImage {
  using _lease = store.openLease("test");
  const created = "2026-01-01T00:00:00Z";
  const config = store.blobs.write(
    Buffer.from(
      JSON.stringify({
        created,
        architecture: "amd64",
        os: "linux",
        config: { Labels: { note } },
        rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
        history: layers.map(() => ({ created })),
      }),
    ),
  );
  const manifest = store.blobs.write(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        config: { mediaType: MEDIA_TYPE.ociConfig, ...config },
        layers: layers.map(({ diffId, size }) => ({ mediaType: MEDIA_TYPE.ociLayer, digest: diffId, size })),
      }),
    ),
  );
  return {
    id: config.digest,
    manifests: [{ mediaType: MEDIA_TYPE.ociManifest, ...manifest }],
    names,
    created,
    sizeBytes: layers.reduce((sum, { size }) => sum + size, 0),
    platform: "linux/amd64",
  };
}

/** Builds and names an image of one layer. */
export function addImage(
  store: Store,
  name: string,
  names: readonly string[],
): { readonly image: NewImage; readonly layer: TestLayer } {
  using _lease = store.openLease("test");
  const layer = addLayer(store, name);
  const image = imageOf(store, [layer], names, name);
  store.images.add(image);
  return { image, layer };
}

/** Makes everything in the store look as if it was last used an hour ago: no command that lives has touched it. */
export function age(home: string, hours = 1): void {
  const seconds = Date.now() / 1000 - hours * 3600;
  const walk = (path: string): void => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) walk(join(path, name));
    utimesSync(path, seconds, seconds);
  };
  for (const name of readdirSync(home)) if (name !== "leases" && name !== "tmp") walk(join(home, name));
}
