import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { BuildError } from "../core/errors.ts";
import { openClient } from "./pull-image.ts";

export interface LoginHow {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** --authfile. */
  readonly authFile?: string | undefined;
  readonly note: (text: string) => void;
}

export interface NewLogin {
  readonly username: string;
  readonly password: string;
}

/** Where a login was kept. */
export interface LoggedIn {
  readonly path: string;
  /** Undefined: in the file itself. */
  readonly helper: string | undefined;
}

const DOCKER_IO = "docker.io";
const DOCKER_IO_NAMES = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** `https://registry.example.com/v1/` and the like to the name that a login is kept under; Docker Hub where nothing is named. */
export function registryOf(server: string | undefined): string {
  if (server === undefined) return DOCKER_IO;
  const host = server.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
  if (!/^(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?$/i.test(host)) {
    throw new BuildError("cli/usage", `"${server}" is no registry`, {
      hint: "A registry is host[:port]: registry.example.com, localhost:5000.",
    });
  }
  return DOCKER_IO_NAMES.includes(host.toLowerCase()) ? DOCKER_IO : host;
}

/** Asks the registry, and keeps the login only if it takes it. */
export async function login(registry: string, credentials: NewLogin, how: LoginHow): Promise<LoggedIn> {
  await using client = await open(how);
  const secret = await client.verifyLogin(registry, { type: "basic", ...credentials }, how.signal);
  const { keepLogin } = await import("../registry/credential-store.ts");
  return await keepLogin(fileOptions(how), registry, { username: credentials.username, secret });
}

/** Whether what is kept for a registry is still taken: the user's name, or why not. Undefined where nothing is kept. */
export async function checkLogin(
  registry: string,
  how: LoginHow,
): Promise<{ readonly username: string | undefined; readonly refused: boolean } | undefined> {
  // A login may be the first thing in a new auth file: one that is named and not there yet is no mistake.
  const { chooseAuthFile } = await import("../registry/auth-file.ts");
  if (!existsSync(chooseAuthFile(fileOptions(how)).path)) return undefined;
  await using client = await open(how);
  const kept = await client.findCredentials(registry);
  if (kept.type !== "basic" && kept.type !== "identity-token") return undefined;
  const username = kept.type === "basic" ? kept.username : undefined;
  try {
    await client.verifyLogin(registry, kept, how.signal);
    return { username, refused: false };
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== "registry/unauthorized") throw error;
    return { username, refused: true };
  }
}

/** False where nothing was kept. */
export async function logout(registry: string, how: Pick<LoginHow, "env" | "authFile">): Promise<boolean> {
  const { forgetLogin } = await import("../registry/credential-store.ts");
  return await forgetLogin(fileOptions(how), registry);
}

function fileOptions({ env, authFile }: Pick<LoginHow, "env" | "authFile">) {
  return { env, authFile, home: homedir() };
}

function open({ env, authFile, note }: LoginHow) {
  const emit: Parameters<typeof openClient>[0]["emit"] = (event) => {
    if (event.type === "note") note(event.text);
  };
  return openClient({ shop: { env }, emit, authFile });
}
