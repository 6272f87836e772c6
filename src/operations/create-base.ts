import { collectBase } from "../base/collect-base.ts";
import { assembleConfig } from "../image/assemble.ts";
import { encodeConfig } from "../image/encode.ts";
import { DEFAULT_PATH } from "../plan/stage-state.ts";
import { EMPTY_SNAPSHOT } from "../steps/layer-book.ts";
import { type ExportedImage, keepImage } from "./keep-image.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import type { Workshop } from "./workshop.ts";

/** `base create`: an image out of this machine's own programs; the same machine gives the same image. */
export async function createBase(
  shop: Workshop,
  base: {
    readonly name: string;
    readonly programs: readonly string[];
    readonly epochSeconds?: number | undefined;
  },
): Promise<ExportedImage & { readonly missing: readonly string[] }> {
  using _lease = shop.store.openLease("base");
  const collected = collectBase(base.programs, { epochSeconds: base.epochSeconds });
  const { snapshot } = await shop.book.add(EMPTY_SNAPSHOT, collected.entries);
  const config = assembleConfig({
    platform: HOST_PLATFORM,
    config: { Env: [`PATH=${DEFAULT_PATH}`], Cmd: ["/bin/sh"], WorkingDir: "/" },
    author: undefined,
    base: undefined,
    baseHistory: [],
    rows: [
      {
        createdBy: ["tsbuild base create", ...base.programs].join(" "),
        emptyLayer: false,
        created: new Date((base.epochSeconds ?? 0) * 1000).toISOString(),
      },
    ],
    diffIds: snapshot.layers.map((layer) => layer.diffId),
    epochSeconds: base.epochSeconds,
  });
  const kept = keepImage(encodeConfig(config), snapshot.layers, {
    created: config.created ?? null,
    tags: [base.name],
    platform: HOST_PLATFORM,
    shop,
  });
  return { ...kept, missing: collected.missing };
}
