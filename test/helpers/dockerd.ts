import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { tempDir } from "./temp-dir.ts";

/** Debian's client: another one first on the PATH may lack the classic builder. */
export const DOCKER_CLIENT = "/usr/bin/docker";
const START_SECONDS = 60;

export interface Dockerd extends AsyncDisposable {
  /** `unix://…`, for DOCKER_HOST. */
  readonly host: string;
  /** Holds an empty config.json, for DOCKER_CONFIG: no login of the machine's gets in. */
  readonly directory: string;
  /** Runs the client against this daemon and gives its standard output; throws with its standard error. */
  docker(
    args: readonly string[],
    options?: { readonly env?: Record<string, string>; readonly input?: Buffer },
  ): Buffer;
  close(): Promise<void>;
}

/**
 * A Docker daemon of the test's own: socket, data and containerd in a temporary folder, no bridge and no iptables, so that
 * it neither needs nor touches the machine's. Needs root.
 */
export async function startDockerd(directory?: string): Promise<Dockerd> {
  const temp = directory === undefined ? tempDir("dockerd") : undefined;
  const folder = directory ?? temp?.path ?? "";
  mkdirSync(folder, { recursive: true });
  const host = `unix://${join(folder, "docker.sock")}`;
  const log = join(folder, "dockerd.log");
  const daemon = launch(folder, host, log);
  const close = async () => {
    await stop(daemon);
    unmountBelow(folder);
    for (const name of temp === undefined ? ["data", "exec"] : ["."]) {
      rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 3 });
    }
  };
  try {
    await untilReady(daemon, host, log);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host,
    directory: folder,
    docker: (args, options = {}) =>
      execFileSync(DOCKER_CLIENT, args, {
        env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder, ...options.env },
        maxBuffer: 1 << 30,
        stdio: ["pipe", "pipe", "pipe"],
        input: options.input ?? "",
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function launch(folder: string, host: string, log: string): ChildProcess {
  for (const name of ["daemon.json", "config.json"]) writeFileSync(join(folder, name), "{}");
  const output = openSync(log, "w");
  const flags = {
    host,
    "data-root": join(folder, "data"),
    "exec-root": join(folder, "exec"),
    pidfile: join(folder, "dockerd.pid"),
    "config-file": join(folder, "daemon.json"),
    bridge: "none",
    iptables: "false",
    ip6tables: "false",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  // A session of its own: Ctrl+C in the terminal must not end it before we do.
  const daemon = spawn("dockerd", args, { stdio: ["ignore", output, output], detached: true });
  closeSync(output);
  return daemon;
}

async function untilReady(daemon: ChildProcess, host: string, log: string): Promise<void> {
  const socket = host.slice("unix://".length);
  const failed = { error: undefined as Error | undefined };
  daemon.once("error", (error) => {
    failed.error = error;
  });
  for (let tries = 0; tries < START_SECONDS * 20; tries += 1) {
    if (failed.error !== undefined) throw failed.error;
    if (daemon.exitCode !== null)
      throw new Error(`dockerd ended:\n${readFileSync(log, "utf8").slice(-2000)}`);
    if (existsSync(socket) && answers(host)) return;
    await pause(50);
  }
  throw new Error(`dockerd gave no answer:\n${readFileSync(log, "utf8").slice(-2000)}`);
}

function answers(host: string): boolean {
  try {
    execFileSync(DOCKER_CLIENT, ["--host", host, "version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** TERM lets it end its own containerd; KILL where that takes too long. */
async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.pid === undefined) return;
  const ended = new Promise((resolve) => {
    daemon.once("exit", resolve);
  });
  daemon.kill("SIGTERM");
  const late = setTimeout(() => daemon.kill("SIGKILL"), 20_000);
  await ended;
  clearTimeout(late);
}

function unmountBelow(folder: string): void {
  const mounted = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounted.toReversed()) execFileSync("umount", ["-l", path]);
}
