import { isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { StepTools } from "../steps/execute.ts";
import type { OpenBuild } from "../store/build-directory.ts";
import { toStoreError } from "../store/disk-errors.ts";
import type { BuildSource } from "./open-source.ts";
import { remoteSources } from "./remote-sources.ts";
import type { Workshop } from "./workshop.ts";

/** What steps of one build work with. Costly parts (executor, workspaces) are made when the first step asks for them. */
export function stepTools(build: {
  readonly shop: Workshop;
  readonly source: BuildSource;
  readonly emit: EmitEvent;
  readonly record: OpenBuild;
  readonly executor: string;
  readonly signal: AbortSignal;
}): StepTools {
  const { shop, source, emit, record, signal } = build;
  return {
    book: shop.book,
    workspaces: { open: async (snapshot) => (await shop.workspaces()).open(snapshot) },
    executor: () => shop.executor(build.executor),
    view: (snapshot) => shop.book.view(snapshot),
    emit,
    openLog: (row) => record.openLog(row),
    context: (name) => Promise.resolve(source.tree(name)),
    remotes: remoteSources({ shop, emit, signal }),
    scratch: () => shop.store.openLease("add"),
    nowMs: () => shop.clock.nowMs(),
    fullDisk: (error) => {
      const known = toStoreError(shop.store.paths, error);
      return isBuildError(known) && known.code === "store/disk-full" ? known : undefined;
    },
  };
}
