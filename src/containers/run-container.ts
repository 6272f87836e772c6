import { join } from "node:path";
import type { Container, ContainerState } from "../core/container.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type {
  AttachedStdio,
  Clock,
  Executor,
  RunningCommand,
  RunSpec,
  SnapshotRef,
  Workspace,
  Workspaces,
} from "../core/ports.ts";
import { ChangedView } from "../snapshot/changed-view.ts";
import { resolveUser } from "../snapshot/users.ts";
import type { Store } from "../store/store.ts";
import { commandOf, environmentOf } from "./command-of.ts";
import { LogWriter, type OutputStream } from "./container-log.ts";
import { serveControl } from "./control.ts";
import { mountsOf } from "./mounts-of.ts";
import { openPorts } from "./port-proxy.ts";
import { RunningContainer } from "./running-container.ts";

export interface RunContainerTools {
  readonly store: Store;
  readonly clock: Clock;
  readonly workspaces: Workspaces;
  readonly executor: Executor;
  readonly view: (snapshot: SnapshotRef) => FileTree;
}

/** What the process that runs a container connects it to. */
export interface ContainerIo {
  readonly stdio: AttachedStdio;
  readonly output: (stream: OutputStream, bytes: Uint8Array) => void;
  /** All is prepared: the command is about to run. */
  readonly starting?: () => void;
  /** The command runs, and its state says so. */
  readonly started?: (command: RunningCommand) => void;
}

/**
 * Runs a container from start to end in this process, which holds its lock meanwhile: when that ends, by whatever force, the
 * container ends with it. Resolves to the exit code. A command that cannot be started rejects (`run/cannot-start`), and the
 * state keeps why.
 */
export async function runContainer(
  container: Container,
  io: ContainerIo,
  tools: RunContainerTools,
): Promise<number> {
  const { containers } = tools.store;
  const hold = containers.hold(container.id);
  if (hold === undefined) throw isRunning(container);
  const running = new RunningContainer();
  const control = await serveControl(containers.dirOf(container.id), running);
  let exitCode: number | null = null;
  try {
    exitCode = await runHeld(container, io, { ...tools, running });
    return exitCode;
  } finally {
    running.end();
    control.stopListening();
    if (container.autoRemove) containers.remove(container.id);
    hold[Symbol.dispose]();
    // Last: who waits for the end may remove or start the container at once.
    await control.end(exitCode);
  }
}

async function runHeld(
  container: Container,
  io: ContainerIo,
  tools: RunContainerTools & { readonly running: RunningContainer },
): Promise<number> {
  const { store, clock } = tools;
  const { containers } = store;
  const now = (): string => new Date(clock.nowMs()).toISOString();
  const before = containers.read(container.id)?.state;
  if (before === undefined) throw gone(container);
  const dir = containers.dirOf(container.id);
  let state: ContainerState = { ...before, error: "" };
  const note = (change: Partial<ContainerState>): void => {
    state = { ...state, ...change };
    containers.writeState(container.id, state);
  };
  try {
    // For what is read and unpacked on the way. Not longer: prunes spare all that is younger than the oldest lease.
    using lease = store.openLease("start");
    const workspace = await openRoot(container, tools);
    note({ lowers: workspace.root.type === "overlay" ? workspace.root.lowers : [] });
    await using _ports = await openPorts(container.ports);
    using log = new LogWriter(join(dir, "log"), () => clock.nowMs());
    const spec = specOf(container, { workspace, io, tools });
    io.starting?.();
    const { exitCode } = await tools.executor.run(spec, {
      signal: new AbortController().signal,
      output: (stream, bytes) => {
        log.write(stream, bytes);
        io.output(stream, bytes);
      },
      started: (command) => {
        lease[Symbol.dispose]();
        note({ status: "running", pid: command.pid ?? 0, startedAt: now(), finishedAt: null, exitCode: 0 });
        tools.running.begin(command);
        io.started?.(command);
      },
    });
    const error = log.failure === undefined ? "" : `its output could not be kept: ${log.failure.message}`;
    note({ status: "exited", pid: 0, exitCode, error, finishedAt: now(), lowers: [] });
    return exitCode;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const ran = state.status === "running";
    const exitCode = (isBuildError(error) ? error.details.commandExitCode : undefined) ?? (ran ? 137 : 128);
    note({
      error: message,
      exitCode,
      pid: 0,
      lowers: [],
      ...(ran ? { status: "exited", finishedAt: now() } : {}),
    });
    throw error;
  }
}

/** The container's own workspace, as its last run left it. */
export async function openRoot(
  container: Container,
  { store, workspaces }: Pick<RunContainerTools, "store" | "workspaces">,
): Promise<Workspace> {
  return await workspaces.open(container.snapshot, join(store.containers.dirOf(container.id), "work"));
}

function specOf(
  container: Container,
  { workspace, io, tools }: { workspace: Workspace; io: ContainerIo; tools: RunContainerTools },
): RunSpec {
  const { config } = container;
  const args = commandOf(config);
  // Accounts may have been added by an earlier run. The workspace has unpacked what they are read from.
  const view = new ChangedView(tools.view(container.snapshot), workspace.changes());
  const user = resolveUser(view, config.User ?? "");
  return {
    root: workspace.root,
    args,
    env: environmentOf(container, user.home),
    cwd: config.WorkingDir === undefined || config.WorkingDir === "" ? "/" : config.WorkingDir,
    user,
    network: container.network,
    hostname: container.hostname,
    ...mountsOf(container, tools.store.containers.dirOf(container.id)),
    stdio: io.stdio,
    readOnlyRoot: container.readOnlyRoot,
    stateDir: workspace.stateDir,
  };
}

export function isRunning({ name }: Container): BuildError {
  return new BuildError("container/running", `container ${name} is running`, {
    hint: `Stop it first: tsbuild stop ${name}`,
  });
}

function gone({ name }: Container): BuildError {
  return new BuildError("container/not-found", `container ${name} was removed meanwhile`);
}
