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
  const program = programOf(name);
  const stdout = await ask(program, "get", server);
  if (stdout === undefined) return undefined;
  const json = parseJsonObject(stdout);
  const username = asText(json?.["Username"]);
  const secret = asText(json?.["Secret"]);
  if (username === undefined || secret === undefined)
    throw failed(program, "did not answer with a Username and a Secret");
  return secret === "" ? undefined : { username, secret };
}

/** Gives a helper what it is to keep for a server (`store`). */
export async function storeWithHelper(name: string, server: string, secret: HelperSecret): Promise<void> {
  const entry = { ServerURL: server, Username: secret.username, Secret: secret.secret };
  await ask(programOf(name), "store", JSON.stringify(entry));
}

/** Has a helper forget a server (`erase`). One that has nothing of it is content too. */
export async function eraseWithHelper(name: string, server: string): Promise<void> {
  await ask(programOf(name), "erase", server);
}

function programOf(name: string): string {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw failed(program, "is no program name");
  return program;
}

/** Its standard output; undefined where it says that it has nothing for that server. */
async function ask(
  program: string,
  action: "get" | "store" | "erase",
  input: string,
): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(program, action, input);
  if (code === 0) return stdout;
  const said = `${stdout}${stderr}`.trim();
  if (NOTHING.test(said)) return undefined;
  throw failed(program, `ended with exit code ${code}${said === "" ? "" : `: ${said.slice(0, 300)}`}`);
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, action: string, input: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], { stdio: ["pipe", "pipe", "pipe"], timeout: TIMEOUT_MS });
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
