import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildError } from "../core/errors.ts";
import { findProgram } from "../host/find-program.ts";
import type { AgentRequest, AgentSocket } from "../steps/run-mounts.ts";
import type { SshSource } from "./types.ts";

const START_MS = 5000;

/**
 * The SSH agents of a build: sockets that exist, or an agent of the build's own with the given keys. A command gets a socket made
 * for it, which leads there: with the owner it asked for, and gone when it ends.
 */
export class SshAgents implements Disposable {
  readonly #sources: readonly SshSource[];
  /** A folder of the build's lease, for the own agents' sockets. */
  readonly #makeTemp: () => string;
  readonly #sockets = new Map<string, Promise<string>>();
  readonly #processes: ChildProcess[] = [];
  readonly #folders: number[] = [];
  #made = 0;

  constructor(sources: readonly SshSource[], makeTemp: () => string) {
    this.#sources = sources;
    this.#makeTemp = makeTemp;
  }

  async socketFor(request: AgentRequest): Promise<AgentSocket | undefined> {
    const source = this.#sources.findLast(({ id }) => id === request.id);
    if (source === undefined) return undefined;
    const agent = this.#sockets.get(source.id) ?? this.#agentOf(source);
    this.#sockets.set(source.id, agent);
    const target = await agent;
    this.#made += 1;
    return await listen(request, `agent-${this.#made}`, target);
  }

  [Symbol.dispose](): void {
    for (const process of this.#processes) process.kill("SIGKILL");
    for (const fd of this.#folders) closeSync(fd);
  }

  async #agentOf({ id, paths }: SshSource): Promise<string> {
    const [first = ""] = paths;
    const isSocket = statSync(first, { throwIfNoEntry: false })?.isSocket() === true;
    if (isSocket && paths.length === 1) return first;
    const keys = paths.map((path) => ({ path, content: readKey(id, path) }));
    return await this.#startAgent(id, keys);
  }

  /**
   * In a pid namespace of its own, whose first process dies with us: ssh-agent is setgid, and the kernel takes the wish to die with
   * one's parent away from such programs.
   */
  async #startAgent(
    id: string,
    keys: readonly { readonly path: string; readonly content: Buffer }[],
  ): Promise<string> {
    for (const name of ["ssh-agent", "ssh-add"]) {
      if (findProgram(name) === undefined) throw noAgent(id, `${name} is not installed`);
    }
    const folder = this.#makeTemp();
    const script = 'ssh-agent -D -a agent >/dev/null & wait "$!"';
    const launch = "--pid --fork --kill-child=KILL -- sh -c".split(" ");
    const agent = spawn("setpriv", ["--pdeathsig", "KILL", "--", "unshare", ...launch, script], {
      cwd: folder,
      env: { PATH: SYSTEM_PATH },
      stdio: "ignore",
    });
    agent.on("error", () => {}); // its socket does not appear
    this.#processes.push(agent);
    await appears(join(folder, "agent"), id);
    for (const { path, content } of keys) {
      const { status, stderr } = spawnSync("ssh-add", ["-q", "-"], {
        cwd: folder,
        // A key with a passphrase is refused: nobody is asked, on no terminal.
        env: {
          PATH: SYSTEM_PATH,
          SSH_AUTH_SOCK: "agent",
          SSH_ASKPASS: "/bin/false",
          SSH_ASKPASS_REQUIRE: "force",
        },
        input: content,
        encoding: "utf8",
      });
      if (status !== 0)
        throw noAgent(id, `${path} is no key without a passphrase (${stderr.trim() || "ssh-add failed"})`);
    }
    // Names of sockets are short; a folder of the store may not be.
    const fd = openSync(folder, "r");
    this.#folders.push(fd);
    return `/proc/self/fd/${fd}/agent`;
  }
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async function appears(path: string, id: string): Promise<void> {
  for (const deadline = Date.now() + START_MS; !existsSync(path); ) {
    if (Date.now() > deadline) throw noAgent(id, "ssh-agent did not start");
    await sleep(5);
  }
}

function readKey(id: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw noAgent(id, `${path} is neither a socket nor a key that can be read`);
  }
}

function noAgent(id: string, problem: string): BuildError {
  return new BuildError("run/no-secret", `the SSH agent "${id}": ${problem}`, {
    hint: `Write --ssh ${id} for the agent of this session, --ssh ${id}=SOCKET, or --ssh ${id}=KEYFILE.`,
  });
}

async function listen(request: AgentRequest, name: string, agent: string): Promise<AgentSocket> {
  const folder = openSync(request.directory, "r");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(agent);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => open.delete(from));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(`/proc/self/fd/${folder}/${name}`, resolve);
  });
  const path = join(request.directory, name);
  chownSync(path, request.uid, request.gid);
  chmodSync(path, request.mode & 0o777);
  return {
    path,
    [Symbol.dispose]: () => {
      for (const socket of open) socket.destroy();
      server.close(() => closeSync(folder));
    },
  };
}
