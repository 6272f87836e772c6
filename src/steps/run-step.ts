import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { cleanPath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type {
  BindMount,
  ControlGroup,
  Executor,
  PackEntry,
  RunSpec,
  SnapshotRef,
  Workspace,
} from "../core/ports.ts";
import type { RunOp, Step } from "../core/step.ts";
import type { RootView } from "../snapshot/root-view.ts";
import { resolveUser } from "../snapshot/users.ts";
import type { StepInputs } from "../solver/types.ts";
import { adviseOn, LastWords } from "./failed-command.ts";
import { placeOf } from "./place-of.ts";
import { type MountTools, type PreparedMounts, prepareMounts } from "./run-mounts.ts";

/** Host name inside RUN, as BuildKit's. */
const HOSTNAME = "buildkitsandbox";

export interface RunTools extends MountTools {
  readonly executor: () => Promise<Executor>;
  readonly view: (snapshot: SnapshotRef) => RootView;
  readonly emit: EmitEvent;
  /** Where the step's whole output is kept. */
  readonly openLog: (row: string) => StepLog;
  /** A system error that says so of the store's disk, in a person's words; undefined for any other. */
  readonly fullDisk: (error: unknown) => BuildError | undefined;
  /** Lines of /etc/hosts that the build asked for. */
  readonly hosts: NonNullable<RunSpec["hosts"]>;
  /** A group with the build's limits, for one command; undefined: it has none, or they cannot be set here. */
  readonly controlGroup: (parent: string | undefined) => Promise<(ControlGroup & Disposable) | undefined>;
}

export interface StepLog extends Disposable {
  readonly path: string;
  readonly lines: number;
  write(bytes: Uint8Array): void;
}

/** A RUN that ended well: its workspace, for the layer to be read from. */
export interface RanStep extends AsyncDisposable {
  readonly workspace: Workspace;
  changes(): Iterable<PackEntry>;
}

/** Runs a command over a snapshot. A non-zero exit throws `run/exit-nonzero` with the code, the step and the log. */
export async function runCommand(
  step: Step & { readonly op: RunOp },
  inputs: StepInputs & { readonly snapshot: SnapshotRef },
  tools: RunTools,
  signal: AbortSignal,
): Promise<RanStep> {
  const { snapshot } = inputs;
  const [executor, workspace] = await Promise.all([tools.executor(), tools.workspaces.open(snapshot)]);
  const unkept = new AbortController();
  try {
    // The workspace has unpacked what the account files are read from.
    const user = resolveUser(tools.view(snapshot), step.op.user);
    const { stateDir } = workspace;
    await using prepared = await prepareMounts(step, inputs, tools, { stateDir, signal });
    using group = await tools.controlGroup(step.op.cgroupParent);
    using log = tools.openLog(step.id);
    const lastWords = new LastWords();
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const spec: RunSpec = {
      root: workspace.root,
      args: step.op.args,
      env: environment(step, user.home, prepared),
      cwd: step.op.cwd,
      user,
      network: step.op.network,
      hostname: step.op.hostname ?? HOSTNAME,
      binds: [
        ...inlineMounts(step.op, workspace.stateDir),
        ...volumeMounts(step.op, tools.view(snapshot), workspace.stateDir),
      ],
      ...conditionsOf(step.op, tools),
      mounts: prepared.mounts,
      secretEnv: prepared.secretEnv,
      controlGroup: group,
      stdio: "capture",
      stateDir: workspace.stateDir,
    };
    const { exitCode } = await executor.run(spec, {
      signal: AbortSignal.any([signal, unkept.signal]),
      output: (stream, bytes) => {
        // Called from a stream's event: what is thrown there ends the process.
        if (!keep(log, bytes, unkept)) return;
        const text = decoders[stream].decode(bytes, { stream: true });
        if (text === "") return;
        if (stream === "stderr") lastWords.add(text);
        tools.emit({ type: "step-output", row: step.id, stream, text });
      },
    });
    if (signal.aborted) throw new BuildError("cli/canceled", "the build was canceled");
    if (exitCode !== 0)
      throw failed(step, {
        exitCode,
        log,
        lastLine: lastWords.line,
        view: tools.view(snapshot),
        tools,
        stateDir: workspace.stateDir,
      });
    return {
      workspace,
      changes: () => workspace.changes(),
      [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
    };
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    unkept.signal.throwIfAborted();
    throw error;
  }
}

/** False once output could not be kept (a full disk): the command is ended, with that as the reason. */
function keep(log: StepLog, bytes: Uint8Array, unkept: AbortController): boolean {
  if (unkept.signal.aborted) return false;
  try {
    log.write(bytes);
    return true;
  } catch (error) {
    unkept.abort(error);
    return false;
  }
}

function conditionsOf(op: RunOp, tools: RunTools): Partial<RunSpec> {
  return {
    hosts: tools.hosts,
    ...(op.shmBytes === undefined ? {} : { shmBytes: op.shmBytes }),
    ...(op.ulimits === undefined ? {} : { ulimits: op.ulimits }),
    ...(op.security === "insecure" ? { insecure: true } : {}),
  };
}

/** HOME comes from the image's accounts where the image sets none, as the runtimes do. A secret takes the place of its namesake. */
function environment(
  step: Step & { readonly op: RunOp },
  home: string,
  { secretEnv }: Pick<PreparedMounts, "secretEnv">,
): string[] {
  const isSecret = (entry: string) => secretEnv.some(({ name }) => entry.startsWith(`${name}=`));
  const env = [...step.meta.hiddenEnv, ...step.op.env].filter((entry) => !isSecret(entry));
  if (secretEnv.some(({ name }) => name === "HOME")) return env;
  return env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${home}`];
}

/** Rules by which a volume is lost: one that the image has no folder for is an empty one, gone after the command. */
function volumeMounts(op: RunOp, view: RootView, stateDir: string): BindMount[] {
  const missing = (op.rules?.volumes ?? []).filter((path) => {
    const at = view.resolve(cleanPath(path), true);
    return at === undefined || view.facts(at) === undefined;
  });
  return missing.map((target, i) => {
    const source = `${stateDir}/volume-${i}`;
    mkdirSync(source, { mode: 0o755 });
    return { source, target, readOnly: false };
  });
}

/** A heredoc with a shebang is a file of its own, seen by the command and by nobody after it. */
function inlineMounts(op: RunOp, stateDir: string): BindMount[] {
  if (op.inline === undefined) return [];
  const dir = `${stateDir}/inline`;
  mkdirSync(dir, { mode: 0o755 });
  for (const file of op.inline) writeFileSync(`${dir}/${file.name}`, file.content, { mode: 0o755 });
  return [{ source: dir, target: "/dev/pipes", readOnly: true }];
}

interface Failure {
  readonly exitCode: number;
  readonly log: StepLog;
  /** Of its standard error. */
  readonly lastLine: string | undefined;
  readonly view: RootView;
  readonly tools: RunTools;
  readonly stateDir: string;
}

/** Where the disk is full, that is what the command met, whatever it said: its own words are in the log. */
function failed(step: Step & { readonly op: RunOp }, failure: Failure): BuildError {
  const { exitCode, log, lastLine, view, tools, stateDir } = failure;
  const hasLog = log.lines > 0 || lastLine !== undefined;
  const at = {
    at: step.meta.at,
    step: placeOf(step),
    ...(hasLog ? { logPath: log.path, logLines: Math.max(1, log.lines) } : {}),
  };
  const full = isDiskFull(stateDir) ? tools.fullDisk(noSpace()) : undefined;
  if (full !== undefined) return full.with(at);
  return new BuildError("run/exit-nonzero", `RUN ended with exit code ${exitCode}`, {
    ...at,
    ...adviseOn({ exitCode, lastLine, hasLog, env: step.op.env }, view),
    label: lastLine,
    commandExitCode: exitCode,
  });
}

/** What a command could not use: it fills its last blocks in pieces of its own size. */
const NOTHING_LEFT_BYTES = 256 * 1024;

function noSpace(): Error {
  return Object.assign(new Error("no space left"), { code: "ENOSPC" });
}

function isDiskFull(dir: string): boolean {
  const { bavail, bsize, files, ffree } = statfsSync(dir);
  return bavail * bsize < NOTHING_LEFT_BYTES || (files > 0 && ffree === 0);
}
