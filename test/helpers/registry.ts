import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { tempDir } from "./temp-dir.ts";

export interface TestRegistry extends AsyncDisposable {
  /** `localhost`: loopback, so tsbuild speaks plain http to it. */
  readonly host: string;
  readonly port: number;
  /** `localhost:41234`, as it goes into a reference. */
  readonly address: string;
  close(): Promise<void>;
}

export interface RegistryOptions {
  /** PEM files: the registry speaks TLS. */
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Authorities of clients: it asks for a certificate. */
    readonly clientcas?: readonly string[];
  };
  /** An htpasswd file (bcrypt): Basic authentication. */
  readonly htpasswd?: string;
  /** A token server, as the registry's own `auth.token` section has it. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly rootCertBundle: string;
  };
}

/** A real docker-registry on a free loopback port with a folder of its own. Fails, never skips, where the program is missing. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const dir = tempDir("registry");
  const port = await freePort();
  const config = join(dir.path, "config.yml");
  writeFileSync(config, JSON.stringify(configOf(dir.path, port, options)));
  const log = join(dir.path, "registry.log");
  // A file, not a pipe: nobody reads a pipe while a test waits for a command, and a full one stops the registry.
  const output = openSync(log, "w");
  const child = spawn("docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", output],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  closeSync(output);
  const close = async () => {
    await ended(child);
    dir[Symbol.dispose]();
  };
  try {
    await listening(child, log);
  } catch (error) {
    await close();
    throw error;
  }
  return { host: "localhost", port, address: `localhost:${port}`, close, [Symbol.asyncDispose]: close };
}

/** JSON is YAML too. */
function configOf(dir: string, port: number, { tls, htpasswd, token }: RegistryOptions): object {
  return {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...(tls === undefined ? {} : { tls }) },
    ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: "test", path: htpasswd } } }),
    ...(token === undefined
      ? {}
      : {
          auth: {
            token: {
              realm: token.realm,
              service: token.service,
              issuer: token.issuer,
              rootcertbundle: token.rootCertBundle,
            },
          },
        }),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Resolves at the log line that says so; a registry that cannot be started says why. */
async function listening(child: ChildProcess, log: string): Promise<void> {
  const failed = { error: undefined as Error | undefined };
  child.once("error", (cause) => {
    failed.error = new Error("these tests need docker-registry (Debian: apt-get install docker-registry)", {
      cause,
    });
  });
  for (;;) {
    if (failed.error !== undefined) throw failed.error;
    const text = readFileSync(log, "utf8");
    if (text.includes("listening on")) return;
    if (child.exitCode !== null)
      throw new Error(`docker-registry ended with ${child.exitCode}:\n${text.slice(-2000)}`);
    await pause(20);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}
