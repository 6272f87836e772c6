import { type IncomingMessage, request } from "node:http";
import { BuildError } from "../core/errors.ts";
import type { Pieces } from "./archive-output.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Where a daemon listens, as DOCKER_HOST says it: a socket, or plain http. TLS and ssh are not spoken. */
interface DaemonAddress {
  readonly text: string;
  readonly where: { readonly socketPath: string } | { readonly host: string; readonly port: string };
}

const DEFAULT_HOST = "unix:///var/run/docker.sock";
const PING_MS = 2000;

/** Whether a Docker daemon answers here. Never throws. */
export async function reachesDockerd(env: Env): Promise<boolean> {
  const daemon = addressOf(env);
  if (daemon === undefined) return false;
  return await new Promise((resolve) => {
    const asked = request(
      { ...daemon.where, path: "/_ping", signal: AbortSignal.timeout(PING_MS) },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

/** Gives an archive to the daemon: `docker load`. What it refuses, and a daemon that is not there, is `output/docker`. */
export async function loadIntoDockerd(archive: Pieces, env: Env, signal: AbortSignal): Promise<void> {
  const daemon = addressOf(env);
  if (daemon === undefined) {
    throw new BuildError("output/docker", `DOCKER_HOST=${env["DOCKER_HOST"]} cannot be spoken to`, {
      hint: "tsbuild speaks to unix:// and tcp:// daemons; else write -o type=docker,dest=FILE and docker load it.",
    });
  }
  try {
    const { status, body } = await send(daemon, archive, signal);
    const failure = failureIn(status, body);
    if (failure !== undefined) throw new Error(failure);
  } catch (error) {
    if (signal.aborted) throw new BuildError("cli/canceled", "canceled", { cause: error });
    if (error instanceof BuildError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new BuildError(
      "output/docker",
      `the Docker daemon at ${daemon.text} did not take the image: ${why}`,
      {
        hint: "Is it running, and may you use it? Else write -o type=docker,dest=FILE.",
        cause: error,
      },
    );
  }
}

function addressOf(env: Env): DaemonAddress | undefined {
  const given = env["DOCKER_HOST"];
  const text = given === undefined || given === "" ? DEFAULT_HOST : given;
  const socketPath = /^unix:\/\/(.+)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { text, where: { socketPath } };
  const [, host, port] = /^(?:tcp|http):\/\/([^:/]+|\[[^\]]+\]):(\d+)\/?$/.exec(text) ?? [];
  if (host === undefined || port === undefined || (env["DOCKER_TLS_VERIFY"] ?? "") !== "") return undefined;
  return { text, where: { host, port } };
}

async function send(
  daemon: DaemonAddress,
  archive: Pieces,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const answer = Promise.withResolvers<IncomingMessage>();
  const asked = request(
    {
      ...daemon.where,
      method: "POST",
      path: "/images/load?quiet=1",
      headers: { "content-type": "application/x-tar" },
      signal,
    },
    answer.resolve,
  );
  asked.on("error", answer.reject);
  // A daemon that refuses early closes the pipe: its answer says more than the broken pipe does.
  answer.promise.catch(() => undefined);
  for await (const piece of archive) {
    await new Promise<void>((resolve, reject) => {
      asked.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }
  asked.end();
  const response = await answer.promise;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}

/** The daemon says 200 and then, in a stream of JSON lines, that it failed. */
function failureIn(status: number, body: string): string | undefined {
  const said = [...body.matchAll(/"(?:error|message)"\s*:\s*("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
    String(JSON.parse(text ?? '""')),
  );
  if (status !== 200) return said[0] ?? `it answered ${status}`;
  return said[0];
}
