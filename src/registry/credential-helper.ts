import { spawn } from "node:child_process";
import { BuildError } from "../core/errors.ts";
import { asText, parseJsonObject } from "./json.ts";

/** What a helper keeps for a server. */
export interface HelperSecret {
  readonly username: string;
  readonly secret: string;
}

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** The words in which helpers say that they have nothing (docker-credential-helpers, credentials/error.go). */
const NOTHING = /credentials not found|no credentials server url|no credentials username/i;

/**
 * Asks `docker-credential-<name> get`: the server on its standard input, JSON on its standard output. Undefined where it
 * has nothing for that server; a helper that is missing or fails throws `registry/unauthorized`.
 */
export async function askCredentialHelper(name: string, server: string): Promise<HelperSecret | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw failed(program, "is no program name");
  const { code, stdout, stderr } = await run(program, server);
  if (code !== 0) {
    const said = `${stdout}${stderr}`.trim();
    if (NOTHING.test(said)) return undefined;
    throw failed(program, `ended with exit code ${code}${said === "" ? "" : `: ${said.slice(0, 300)}`}`);
  }
  const json = parseJsonObject(stdout);
  const username = asText(json?.["Username"]);
  const secret = asText(json?.["Secret"]);
  if (username === undefined || secret === undefined)
    throw failed(program, "did not answer with a Username and a Secret");
  return secret === "" ? undefined : { username, secret };
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, input: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { stdio: ["pipe", "pipe", "pipe"], timeout: TIMEOUT_MS });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) child.kill();
      else into.push(chunk);
    };
    child.stdout.on("data", collect(stdout));
    child.stderr.on("data", collect(stderr));
    child.on("error", (cause: NodeJS.ErrnoException) =>
      reject(failed(program, cause.code === "ENOENT" ? "is not in PATH" : cause.message)),
    );
    child.on("close", (code) =>
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      }),
    );
    // A helper may end without reading what it was given.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function failed(program: string, why: string): BuildError {
  return new BuildError("registry/unauthorized", `the credential helper ${program} ${why}`, {
    hint: "Your auth file names it under credsStore or credHelpers: install it, or take it out.",
  });
}
