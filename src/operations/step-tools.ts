import { isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { StepTools } from "../steps/execute.ts";
import type { RemoteTools } from "../steps/remote-tools.ts";
import type { OpenBuild } from "../store/build-directory.ts";
import { toStoreError } from "../store/disk-errors.ts";
import type { BuildSource } from "./open-source.ts";
import { checkSecrets, readSecret } from "./secret-sources.ts";
import type { SshAgents } from "./ssh-agents.ts";
import type { BuildOptions, ResourceLimits, SshSource } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/** What steps of one build work with. Costly parts (executor, workspaces) are made when the first step asks for them. */
export function stepTools(build: {
  readonly options: BuildOptions;
  readonly shop: Workshop;
  readonly source: BuildSource;
  readonly emit: EmitEvent;
  readonly record: OpenBuild;
  readonly executor: string;
  readonly signal: AbortSignal;
}): StepTools & Disposable {
  const { shop, source, emit, record, options, signal } = build;
  const secrets = options.secrets ?? [];
  checkSecrets(secrets, shop.env);
  const agents = lazyAgents(options.ssh ?? [], shop);
  let fetching: Promise<RemoteTools> | undefined;
  const remotes = () =>
    (fetching ??= import("./remote-sources.ts").then((it) => it.remoteSources({ shop, emit, signal })));
  return {
    caches: {
      take: (request) => shop.store.cacheMounts.take(request),
      unpack: async (snapshot, directory) => {
        const { unpackSnapshot } = await import("../steps/unpack-snapshot.ts");
        await unpackSnapshot(snapshot.layers, directory, shop.book);
      },
    },
    secret: (id) => readSecret(secrets, id, shop.env),
    agent: (request) => agents.socketFor(request),
    hosts: options.addHosts ?? [],
    controlGroup: controlGroups(options.limits, emit),
    [Symbol.dispose]: () => agents[Symbol.dispose](),
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

/** Loads what forwards agents with the first step that wants one. */
function lazyAgents(
  sources: readonly SshSource[],
  shop: Workshop,
): Disposable & Pick<SshAgents, "socketFor"> {
  let loading: Promise<SshAgents> | undefined;
  let loaded: SshAgents | undefined;
  const load = async (): Promise<SshAgents> => {
    const { SshAgents: Agents } = await import("./ssh-agents.ts");
    // The build's own lease is open: its folder is where the sockets are.
    using lease = shop.store.openLease("build");
    return (loaded = new Agents(sources, () => lease.makeTemp()));
  };
  return {
    socketFor: async (request) => {
      if (sources.length === 0) return undefined;
      loading ??= load();
      return await (await loading).socketFor(request);
    },
    [Symbol.dispose]: () => loaded?.[Symbol.dispose](),
  };
}

/** Says once that the limits asked for cannot be set here: the build goes on without, as Docker's does where a kernel lacks one. */
function controlGroups(limits: ResourceLimits | undefined, emit: EmitEvent): StepTools["controlGroup"] {
  let isTold = false;
  return async (parent) => {
    if (parent === undefined && Object.values(limits ?? {}).every((value) => value === undefined))
      return undefined;
    const { openControlGroup } = await import("../executor/control-group.ts");
    const group = openControlGroup(limits ?? {}, parent);
    if (!("reason" in group)) return group;
    const text = `limits of RUN cannot be set here and are left out: ${group.reason}`;
    if (!isTold) emit({ type: "note", level: "warning", text });
    isTold = true;
    return undefined;
  };
}
