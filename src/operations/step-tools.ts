import { isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { StepTools } from "../steps/execute.ts";
import type { RemoteTools } from "../steps/remote-tools.ts";
import type { OpenBuild } from "../store/build-directory.ts";
import { toStoreError } from "../store/disk-errors.ts";
import type { BuildSource } from "./open-source.ts";
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
  let fetching: Promise<RemoteTools> | undefined;
  const remotes = () =>
    (fetching ??= import("./remote-sources.ts").then((it) => it.remoteSources({ shop, emit, signal })));
  return {
    book: shop.book,
    workspaces: { open: async (snapshot) => (await shop.workspaces()).open(snapshot) },
    executor: () => shop.executor(build.executor),
    view: (snapshot) => shop.book.view(snapshot),
    emit,
    openLog: (row) => record.openLog(row),
    context: (name) => Promise.resolve(source.tree(name)),
    remotes: {
      identify: async (remote, row) => (await remotes()).identify(remote, row),
      open: async (remote, at) => (await remotes()).open(remote, at),
    },
    scratch: () => shop.store.openLease("add"),
    nowMs: () => shop.clock.nowMs(),
    fullDisk: (error) => {
      const known = toStoreError(shop.store.paths, error);
      return isBuildError(known) && known.code === "store/disk-full" ? known : undefined;
    },
  };
}
