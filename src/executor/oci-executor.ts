import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { Executor, RunResult, RunSpec } from "../core/ports.ts";
import { hostFacts } from "./host-facts.ts";
import { type MadeMountPoint, makeMountPoints, removeMountPoints } from "./mount-points.ts";
import { runtimeConfig } from "./oci/runtime-config.ts";
import { initsBelow } from "./process-tree.ts";
import { requireProgram } from "./root-lookup.ts";
import { mountTargets, prepareRunFiles, type RunFiles } from "./run-files.ts";
import { setUpFailure } from "./set-up-error.ts";
import {
  controlGroupLines,
  deviceLines,
  mountRootLines,
  PREAMBLE,
  quote,
  stageLines,
} from "./shell/fragments.ts";
import { LineReader } from "./shell/line-reader.ts";
import { TOOLS_PATH } from "./shell/tools-path.ts";
import { fillPrivate, makeStagedPaths, verifyStagedPaths } from "./stage-mounts.ts";
import {
  canceled,
  type Launcher,
  type RunHooks,
  runningCommand,
  signalIfAlive,
  streamsOf,
  superviseLauncher,
} from "./supervise.ts";
import { openHostTerminal } from "./terminal.ts";

/** Runs commands by an OCI runtime, `runtime` being the path of runc or crun. */
export function createOciExecutor(home: string, runtime: string): Executor {
  return { name: "oci", run: (spec, on) => run({ home, runtime }, spec, on) };
}

interface Place {
  readonly home: string;
  readonly runtime: string;
}

async function run(place: Place, spec: RunSpec, on: RunHooks): Promise<RunResult> {
  if (on.signal.aborted) throw canceled();
  const facts = hostFacts();
  using files = prepareRunFiles(spec, place.home, facts.inUserNamespace);
  const dev = join(files.directory, "dev");
  mkdirSync(dev);
  const hasTerminal = spec.stdio !== "capture" && spec.stdio.terminal !== undefined;
  const config = JSON.stringify(runtimeConfig({ spec, files, facts, dev, hasTerminal }));
  // With secret variables in it the configuration, and what the runtime notes, are for no disk.
  const bundle = files.private?.directory ?? files.directory;
  if (files.private === undefined) writeFileSync(join(bundle, "config.json"), config);
  makeStagedPaths(files);
  writeFileSync(join(files.directory, "launch.sh"), launchScript(place.runtime, spec, { files, bundle }));

  using terminal = openHostTerminal(spec, on);
  const made: MadeMountPoint[] = [];
  const lines = new LineReader();
  const launcher: Launcher = {
    command: hasTerminal ? "setsid" : "setpriv",
    args: [
      // The runtime is told of a new size by the terminal of its session.
      ...(hasTerminal ? ["--ctty", "setpriv"] : []),
      "--pdeathsig",
      "KILL",
      "--",
      "unshare",
      ...UNSHARE_FLAGS,
      "sh",
      join(files.directory, "launch.sh"),
    ],
    env: { PATH: TOOLS_PATH },
    streams: streamsOf(spec, terminal?.slave),
    heard(bytes, process) {
      for (const line of lines.read(bytes)) {
        const root = `/proc/${process.pid}/root`;
        if (line === "verify") verifyStagedPaths(root, files);
        else if (line === "private") {
          fillPrivate(root, files.private);
          writeFileSync(`${root}${bundle}/config.json`, config, { mode: 0o600 });
        } else if (line === "ask") {
          made.push(...makeMountPoints(`${root}${files.root}`, mountTargets(files)));
          requireProgram(`${root}${files.root}`, spec.args, spec.env, spec.cwd);
        } else continue;
        process.reply(Buffer.from("go\n"));
        on.started?.(runningCommand(() => initsBelow(process.pid)[1], terminal));
      }
    },
    terminate(process) {
      const command = initsBelow(process.pid).at(-1);
      if (command === undefined) signalIfAlive(process.pid, "SIGKILL");
      else signalIfAlive(command, "SIGTERM");
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
  return conclude(lines, files);
}

/** The launcher is pid 1 of a namespace that holds the runtime too: one signal ends both and the command. */
const UNSHARE_FLAGS = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--"];

function launchScript(
  runtime: string,
  spec: RunSpec,
  { files, bundle }: { readonly files: RunFiles; readonly bundle: string },
): string {
  const directory = spec.root.type === "directory" ? spec.root.path : "";
  const from = { overlay: files.overlay, directory, insecure: spec.insecure };
  const state = quote(join(bundle, "runtime"));
  const log = quote(join(files.directory, "runtime.log"));
  return `${PREAMBLE}
${controlGroupLines(spec)}
step "mount /proc" mount -i -t proc proc /proc
# No control groups: they would outlive a kill of the engine, and a build step has no limits to set. The runtime forgives
# a read-only hierarchy once it is told to be rootless.
for hierarchy in $(findmnt -rn -o TARGET -t cgroup,cgroup2); do
  mount -o remount,bind,ro,nosuid,nodev,noexec "$hierarchy" 2>/dev/null
done
${stageLines(files)}
${mountRootLines(files.root, from)}
${deviceLines(quote(join(files.directory, "dev")), spec.insecure)}
echo ask >&3
read -r answer <&3 || exit 125
${quote(runtime)} --root ${state} --log ${log} --log-format json --rootless true run --bundle ${quote(bundle)} run 3<&- 3>&-
echo "ended $?" >&3
`;
}

function conclude(lines: LineReader, files: RunFiles): RunResult {
  const failed = lines.valueOf("failed");
  if (failed !== undefined) throw setUpFailure(failed, "see the output above");
  const ended = lines.valueOf("ended");
  const complaint = runtimeComplaint(join(files.directory, "runtime.log"));
  if (ended === undefined || (ended !== "0" && complaint !== undefined)) {
    throw new BuildError(
      "run/workspace",
      `the container runtime failed: ${complaint ?? "it was ended from outside"}`,
    );
  }
  return { exitCode: Number(ended) };
}

/** The last error that the runtime logged. It logs none when only the command failed. */
function runtimeComplaint(log: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(log, "utf8");
  } catch {
    return undefined;
  }
  return /"level":"error","msg":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
}
