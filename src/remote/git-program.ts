import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import { basicAuthorization } from "./basic-authorization.ts";

/** Fixed: a PATH that somebody else writes to must not choose what runs here. */
const PROGRAM_DIRS = ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"];
const MAX_OUTPUT_CHARS = 16 * 1024 * 1024;
const MAX_ERROR_CHARS = 64 * 1024;

export interface GitHost {
  /** Of tsbuild: proxies, certificates and the ssh agent are taken from it, nothing else. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export interface GitCall extends GitHost {
  /** The repository's folder. */
  readonly cwd: string;
  /** The address that credentials are for, if it has any. */
  readonly remote: string;
}

export interface GitResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Nothing of anybody's configuration: what it could hold (helpers, filters, hooks, aliases, rewritten addresses) runs programs.
 * GIT_ALLOW_PROTOCOL keeps `ext::` and local folders out of submodules too; a prompt would wait for ever.
 */
const CONFIG: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.protectHFS", "true"],
  ["core.protectNTFS", "true"],
  ["credential.helper", ""],
  ["advice.detachedHead", "false"],
  ["init.defaultBranch", "master"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
];

const TAKEN_OVER = [
  "SSH_AUTH_SOCK",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]),
];

/** Runs git; its exit status is the caller's to judge. `remote/no-git` where it is not installed. */
export async function runGit(args: readonly string[], call: GitCall): Promise<GitResult> {
  call.signal.throwIfAborted();
  // The umask is Docker's, whatever the person's is: modes of files come from it.
  const child = spawn("/bin/sh", ["-c", 'umask 022 && exec "$0" "$@"', requireGit(), ...args], {
    cwd: call.cwd,
    env: environment(call),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout = (stdout + text).slice(0, MAX_OUTPUT_CHARS);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MAX_ERROR_CHARS);
  });
  const stop = () => endGroup(child.pid);
  call.signal.addEventListener("abort", stop, { once: true });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    child.once("close", resolve).once("error", reject);
    const status = await promise;
    if (call.signal.aborted) throw new BuildError("cli/canceled", "canceled", { cause: call.signal.reason });
    return { status, stdout, stderr };
  } finally {
    call.signal.removeEventListener("abort", stop);
  }
}

/** The address without credentials, as git's arguments (which everybody on the machine can read) have it. */
export function bareRemote(remote: string): string {
  return /^https?:/i.test(remote) ? remote.replace(/^(\w+:\/\/)[^/]*@/, "$1") : remote;
}

/** git and the helpers it started. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // It has ended by itself.
  }
}

function environment({ env, remote }: GitCall): NodeJS.ProcessEnv {
  const config = [...CONFIG, ...credentialsOf(remote)];
  return {
    PATH: PROGRAM_DIRS.join(":"),
    HOME: "/dev/null",
    XDG_CONFIG_HOME: "/dev/null",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_SSH_COMMAND: "ssh -F /dev/null -o BatchMode=yes",
    GIT_ALLOW_PROTOCOL: "http:https:ssh:git",
    ...Object.fromEntries(TAKEN_OVER.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
  };
}

/** For that host alone: submodules of other hosts do not see them. */
function credentialsOf(remote: string): readonly (readonly [string, string])[] {
  const url = /^https?:/i.test(remote) ? URL.parse(remote) : null;
  if (url === null || (url.username === "" && url.password === "")) return [];
  return [[`http.${url.origin}/.extraHeader`, `Authorization: ${basicAuthorization(url)}`]];
}

function requireGit(): string {
  const found = PROGRAM_DIRS.map((dir) => `${dir}/git`).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BuildError("remote/no-git", "fetching a repository needs git, which is not installed here", {
    hint: "Install git (Debian: apt-get install git), or clone it yourself and COPY the folder.",
  });
}
