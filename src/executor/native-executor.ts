import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { Executor, RunResult, RunSpec } from "../core/ports.ts";
import { errnoOf } from "../host/errno.ts";
import { hostFacts } from "./host-facts.ts";
import { type MadeMountPoint, makeMountPoints, removeMountPoints } from "./mount-points.ts";
import { buildLaunchProgram } from "./native/launch-program.ts";
import type { BuiltProgram } from "./native/program.ts";
import { Report } from "./native/report.ts";
import { initsBelow, onlyChildOf } from "./process-tree.ts";
import { candidatePaths, cannotStart } from "./program-search.ts";
import { mountTargets, prepareRunFiles } from "./run-files.ts";
import { setUpError } from "./set-up-error.ts";
import { fillPrivate } from "./stage-mounts.ts";
import {
  canceled,
  type Launcher,
  type RunHooks,
  runningCommand,
  signalIfAlive,
  streamsOf,
  superviseLauncher,
} from "./supervise.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/**
 * Runs commands by a program of a few kilobytes that is written for each run: a table of system calls and the code that
 * makes them (native/machine.ts). Nothing else is spawned, so a run costs little more than its namespaces.
 */
export function createNativeExecutor(home: string): Executor {
  return { name: "native", run: (spec, on) => run(home, spec, on) };
}

async function run(home: string, spec: RunSpec, on: RunHooks): Promise<RunResult> {
  if (on.signal.aborted) throw canceled();
  const facts = hostFacts();
  using files = prepareRunFiles(spec, home, facts.inUserNamespace);
  const program = buildLaunchProgram({ spec, files, facts });
  const command = join(files.directory, "launch");
  writeFileSync(command, program.elf, { mode: 0o700 });

  const made: MadeMountPoint[] = [];
  let terminal: Terminal | undefined;
  const report = new Report(candidatePaths(spec.args[0] ?? "", spec.env).length);
  const launcher: Launcher = {
    command,
    args: [],
    env: {},
    streams: streamsOf(spec),
    heard(bytes, process) {
      for (const wish of report.read(bytes)) {
        if (wish === "executed") {
          if (report.notExecuted === undefined)
            on.started?.(runningCommand(() => commandOf(report.keeper), terminal));
          continue;
        }
        const root = `/proc/${process.pid}/root`;
        if (wish === "ask") made.push(...makeMountPoints(root, mountTargets(files)));
        else if (wish === "private") fillPrivate(root, files.private);
        else terminal = openContainerTerminal(spec, process.pid, on);
        process.reply(Buffer.alloc(8));
      }
    },
    // Its own word of the keeper may come after the command's first output.
    terminate: (process) => terminate(report.keeper ?? initsBelow(process.pid)[0], process.pid),
    kill: (process) => signalIfAlive(report.keeper ?? process.pid, "SIGKILL"),
  };
  try {
    await startAndSupervise(launcher, on);
    await terminal?.ended;
  } finally {
    terminal?.[Symbol.dispose]();
    removeMountPoints(spec.root.type === "overlay" ? spec.root.upper : spec.root.path, made);
  }
  if (on.signal.aborted) throw canceled();
  return conclude(report, spec, program);
}

/** In the container's own devpts, so that its name means the same inside. */
function openContainerTerminal({ stdio }: RunSpec, launcher: number, on: RunHooks): Terminal {
  if (stdio === "capture" || stdio.terminal === undefined) throw new Error("no terminal was asked for");
  const ptmx = `/proc/${launcher}/root/dev/pts/ptmx`;
  return openTerminal(ptmx, stdio.terminal, (bytes) => on.output("stdout", bytes));
}

function commandOf(keeper: number | undefined): number | undefined {
  return keeper === undefined ? undefined : onlyChildOf(keeper);
}

const BUSY_RETRIES = 20;

/**
 * A worker thread that forks while the program is being written holds it open for writing until its own exec; meanwhile
 * execve answers ETXTBSY.
 */
async function startAndSupervise(launcher: Launcher, on: RunHooks): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await superviseLauncher(launcher, on);
      return;
    } catch (error) {
      if (errnoOf(error) !== "ETXTBSY" || attempt === BUSY_RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt));
    }
  }
}

/** To the command's session. Before there is one, to the launcher, whose end is the end of all. */
function terminate(keeper: number | undefined, launcher: number): void {
  const command = keeper === undefined ? undefined : onlyChildOf(keeper);
  if (command === undefined) signalIfAlive(launcher, "SIGKILL");
  else if (!signalIfAlive(-command, "SIGTERM")) signalIfAlive(command, "SIGTERM");
}

function conclude(report: Report, spec: RunSpec, program: BuiltProgram): RunResult {
  if (report.failed !== undefined) throw setUpError(program.describe(report.failed.row), report.failed.errno);
  if (report.notExecuted !== undefined) throw cannotStart(spec.args[0] ?? "", spec.env, report.notExecuted);
  if (report.status === undefined) {
    throw new BuildError("run/workspace", "the command's launcher was ended from outside", {
      hint: "Is the machine out of memory? The kernel's log says whom it ended.",
    });
  }
  const signal = report.status & 0x7f;
  return { exitCode: signal === 0 ? (report.status >> 8) & 0xff : 128 + signal };
}
