import { createReadStream } from "node:fs";
import { join } from "node:path";
import { packLayer } from "../layer/pack.ts";
import { ChangedView } from "../snapshot/changed-view.ts";
import { changesOf, whileFrozen } from "./container-changes.ts";
import { findContainer } from "./find-container.ts";
import { openTarFile } from "./tar-file.ts";
import type { Workshop } from "./workshop.ts";

/** A container's root file system as a tar, in pieces: the image's layers and what the container changed, as one. */
export async function* exportContainer(
  text: string,
  shop: Workshop,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  shop.requireNamespace();
  using lease = shop.store.openLease("export");
  const found = findContainer(text, shop);
  const { snapshot } = found.container;
  const below = await shop.book.readable(snapshot);
  const path = join(lease.makeTemp(), "rootfs.tar");
  await whileFrozen(found, shop, async () => {
    const view = new ChangedView(below, await changesOf(found.container, shop));
    using writer = openTarFile(path);
    await packLayer(view.entries(), writer, { signal });
  });
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (piece instanceof Uint8Array) yield piece;
  }
}
