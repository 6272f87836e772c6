import { spawnSync } from "node:child_process";
import { rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { Executor, RunResult, RunSpec } from "../core/ports.ts";
import { hostFacts } from "./host-facts.ts";
import { type MadeMountPoint, makeDirectories, makeMountPoints, removeMountPoints } from "./mount-points.ts";
import { initsBelow } from "./process-tree.ts";
import { lookUp, requireProgram } from "./root-lookup.ts";
import { mountAround, mountTargets, prepareRunFiles, type RunFiles } from "./run-files.ts";
import { setUpFailure } from "./set-up-error.ts";
import { LineReader } from "./shell/line-reader.ts";
import { TOOLS_PATH } from "./shell/tools-path.ts";
import {
  commandScript,
  keeperScript,
  launcherScript,
  OLD_ROOT,
  SECRET_SCRIPT,
  secretScript,
} from "./shell/unshare-scripts.ts";
import { fillPrivate, makeStagedPaths, verifyStagedPaths } from "./stage-mounts.ts";
import {
  canceled,
  type Launcher,
  type LauncherProcess,
  type RunHooks,
  runningCommand,
  signalIfAlive,
  streamsOf,
  superviseLauncher,
} from "./supervise.ts";
import { openHostTerminal } from "./terminal.ts";

/**
 * Runs commands by util-linux (unshare, setpriv, mount, pivot_root, nsenter) and a POSIX shell. It has no seccomp filter,
 * and the shell that starts the command drops environment names that are no identifiers.
 */
export function createUnshareExecutor(home: string): Executor {
  return { name: "unshare", run: (spec, on) => run(home, spec, on) };
}

async function run(home: string, spec: RunSpec, on: RunHooks): Promise<RunResult> {
  if (on.signal.aborted) throw canceled();
  const facts = hostFacts();
  using files = prepareRunFiles(spec, home, facts.inUserNamespace);
  const script = (name: string): string => join(files.directory, name);
  const hasTerminal = spec.stdio !== "capture" && spec.stdio.terminal !== undefined;
  const input = { spec, files, facts, hasTerminal };
  refuseNames(spec);
  makeStagedPaths(files);
  writeFileSync(script("launcher.sh"), launcherScript(input, script("keeper.sh")));
  writeFileSync(script("keeper.sh"), keeperScript(script("command.sh")));
  writeFileSync(script("command.sh"), commandScript(input));

  using terminal = openHostTerminal(spec, on);
  const made: MadeMountPoint[] = [];
  const lines = new LineReader();
  const network = spec.network === "none" ? ["--net"] : [];
  const launcher: Launcher = {
    command: "setpriv",
    args: [
      "--pdeathsig",
      "KILL",
      "--",
      "unshare",
      ...UNSHARE_FLAGS,
      ...network,
      "--",
      "sh",
      script("launcher.sh"),
      ...spec.args,
    ],
    env: { PATH: TOOLS_PATH },
    streams: streamsOf(spec, terminal?.slave),
    heard(bytes, process) {
      for (const line of lines.read(bytes)) {
        if (line === "ask") made.push(...answerAsk(files, process));
        else if (line.startsWith("ask ")) answerInside(files, process, Number(line.slice(4)));
        else if (line === "verify" || line === "private") prepare(line, { spec, files, process });
        else if (line === "ready") {
          release(spec, files, process);
          on.started?.(runningCommand(() => initsBelow(process.pid)[1], terminal));
        }
      }
    },
    terminate(process) {
      const command = initsBelow(process.pid)[1];
      if (command === undefined) signalIfAlive(process.pid, "SIGKILL");
      else if (!signalIfAlive(-command, "SIGTERM")) signalIfAlive(command, "SIGTERM");
    },
    kill: (process) => signalIfAlive(initsBelow(process.pid)[0] ?? process.pid, "SIGKILL"),
  };
  try {
    await superviseLauncher(launcher, on);
    await terminal?.ended;
  } finally {
    removeMountPoints(spec.root.type === "overlay" ? spec.root.upper : spec.root.path, made);
  }
  if (on.signal.aborted) throw canceled();
  return conclude(lines);
}

/** A shell sets the secret variables, and knows identifiers only. */
function refuseNames({ secretEnv = [] }: RunSpec): void {
  const odd = secretEnv.find(({ name }) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd === undefined) return;
  throw new BuildError("run/workspace", `the executor unshare cannot set a variable called "${odd.name}"`, {
    hint: "Leave --executor out, or choose native or oci.",
  });
}

const UNSHARE_FLAGS = ["--mount", "--propagation", "private", "--uts", "--ipc"];

function prepare(
  question: "verify" | "private",
  {
    spec,
    files,
    process,
  }: { readonly spec: RunSpec; readonly files: RunFiles; readonly process: LauncherProcess },
): void {
  const root = `/proc/${process.pid}/root`;
  if (question === "verify") verifyStagedPaths(root, files);
  else {
    fillPrivate(root, files.private);
    writeFileSync(`${root}${files.private?.directory}/${SECRET_SCRIPT}`, secretScript(spec), { mode: 0o600 });
  }
  process.reply(Buffer.from("go\n"));
}

/**
 * The same of a mount point inside another mount, which is there by now. Nobody else may be writing there: mount(8) follows
 * what it finds.
 */
function answerInside(files: RunFiles, process: LauncherProcess, index: number): void {
  const injection = files.injections[index];
  if (injection === undefined) throw new Error(`the launcher asked for mount ${index}`);
  const around = mountAround(files, injection);
  const outer = files.injections.find(({ target }) => target === around);
  if (outer?.shared === true) {
    throw new BuildError(
      "run/workspace",
      `the executor unshare cannot mount ${injection.target} inside a cache mount`,
      {
        hint: "Leave --executor out, or choose native or oci.",
      },
    );
  }
  const root = `/proc/${process.pid}/root${files.root}`;
  makeMountPoints(root, [injection]);
  process.reply(Buffer.from(`${files.root}/${lookUp(root, injection.target).path}\n`, "latin1"));
}

/** Makes what is missing, and tells the script where each target leads. */
function answerAsk(files: RunFiles, process: LauncherProcess): MadeMountPoint[] {
  const root = `/proc/${process.pid}/root${files.root}`;
  const targets = mountTargets(files);
  const made = makeMountPoints(root, targets);
  const paths = targets.map(({ target }) => `${files.root}/${lookUp(root, target).path}\n`);
  // Paths are bytes kept as latin1.
  process.reply(Buffer.from(paths.join(""), "latin1"));
  return made;
}

/**
 * The command's shell waits with its rights already reduced. Takes the host's file system away from it and lets it go. The
 * programs for that run outside: pivot_root moves the root of every process in the namespace, and umount then works from
 * our own root on a path through the command's.
 */
function release(spec: RunSpec, files: RunFiles, process: LauncherProcess): void {
  const command = initsBelow(process.pid)[1];
  if (command === undefined) throw setUpFailure("find the command's process", "it is gone");
  const root = `/proc/${command}/root`;
  const dev = lookUp(`${root}${files.root}`, "/dev").path;
  const namespace = `--mount=/proc/${command}/ns/mnt`;
  const pivot = `cd "$1" && exec pivot_root . "$2"`;
  runTool("pivot_root", [
    "nsenter",
    namespace,
    "--",
    "sh",
    "-c",
    pivot,
    "sh",
    files.root,
    `${dev}/${OLD_ROOT}`,
  ]);
  const old = `${root}/${dev}/${OLD_ROOT}`;
  runTool("detach the host's file system", [
    "nsenter",
    "--root=/",
    namespace,
    "--",
    "umount",
    "-i",
    "-n",
    "-c",
    "-l",
    old,
  ]);
  rmdirSync(old);
  makeDirectories(root, spec.cwd);
  if (lookUp(root, spec.cwd).stat?.isDirectory() !== true)
    throw setUpFailure(`enter ${spec.cwd}`, "not a directory");
  requireProgram(root, spec.args, spec.env, spec.cwd);
  process.reply(Buffer.from("go\n"));
}

function runTool(what: string, [command = "", ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { env: { PATH: TOOLS_PATH }, encoding: "utf8" });
  if (status !== 0) throw setUpFailure(what, stderr.trim() || `exit code ${status}`);
}

function conclude(lines: LineReader): RunResult {
  const failed = lines.valueOf("failed");
  if (failed !== undefined) throw setUpFailure(failed, "see the output above");
  const ended = lines.valueOf("ended");
  if (ended === undefined)
    throw new BuildError("run/workspace", "the command's launcher was ended from outside");
  return { exitCode: Number(ended) };
}
