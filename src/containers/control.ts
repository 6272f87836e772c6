import { closeSync, openSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What another tsbuild asks of the process that runs a container. */
export type ControlRequest =
  | { readonly do: "signal"; readonly signal: number }
  /** The signal, and KILL once `graceMs` have passed; null: never. */
  | { readonly do: "stop"; readonly signal: number; readonly graceMs: number | null }
  /** Its processes stand still until the connection ends. */
  | { readonly do: "freeze" }
  /** Nothing: the connection itself says, by its end, when the container has ended. */
  | { readonly do: "wait" };

export interface ControlAnswer {
  readonly ok: boolean;
  /** Of the command, as the machine counts: its own for as long as the connection lasts. */
  readonly pid?: number | undefined;
}

export interface ControlHandler {
  /** `closed` fires when the asking process has gone. */
  handle(request: ControlRequest, closed: AbortSignal): Promise<ControlAnswer>;
}

const SOCKET_NAME = "control";

export interface ControlServer {
  /** From here on another process may listen in this place. */
  stopListening(): void;
  /** Tells those who wait how the command ended (null: it was not started), and ends their connections. */
  end(exitCode: number | null): Promise<void>;
}

/**
 * Listens in a container's folder. Paths go through /proc/self/fd: the name of a socket has 108 bytes at most, and a store may
 * lie deeper.
 */
export async function serveControl(dir: string, handler: ControlHandler): Promise<ControlServer> {
  const folder = openSync(dir, "r");
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    const closed = new AbortController();
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open.delete(socket);
      closed.abort();
    });
    createInterface({ input: socket }).on("line", (line) => {
      const request: ControlRequest = JSON.parse(line);
      void answerTo(socket, handler.handle(request, closed.signal));
    });
  });
  const path = `/proc/self/fd/${folder}/${SOCKET_NAME}`;
  // Of a process that was ended by force; the lock says that there is no other.
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    stopListening: () => {
      server.close();
      rmSync(path, { force: true });
      closeSync(folder);
    },
    end: async (exitCode) => {
      const said = [...open].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once("close", () => resolve());
            socket.end(`${JSON.stringify({ exitCode })}\n`, () => resolve());
          }),
      );
      await Promise.all(said);
    },
  };
}

async function answerTo(socket: Socket, answer: Promise<ControlAnswer>): Promise<void> {
  const text = `${JSON.stringify(await answer)}\n`;
  if (socket.writable) socket.write(text);
}

/** A connection to the process that runs a container. */
export interface ControlConnection extends Disposable {
  /** undefined: it ended before it answered. */
  readonly answer: Promise<ControlAnswer | undefined>;
  /** Resolves when the container has ended: to its exit code, or to null where its process was ended before it could say. */
  readonly ended: Promise<number | null>;
}

/** undefined where nobody listens: the container does not run, or not yet. */
export async function askContainer(
  dir: string,
  request: ControlRequest,
): Promise<ControlConnection | undefined> {
  const socket = await connectTo(join(dir, SOCKET_NAME), dir);
  if (socket === undefined) return undefined;
  socket.on("error", () => undefined);
  const answer = Promise.withResolvers<ControlAnswer | undefined>();
  const ended = Promise.withResolvers<number | null>();
  let exitCode: number | null = null;
  createInterface({ input: socket })
    .on("line", (line) => {
      const message: Partial<ControlAnswer> & { readonly exitCode?: number | null } = JSON.parse(line);
      if (message.ok === undefined) exitCode = message.exitCode ?? null;
      else answer.resolve({ ok: message.ok, pid: message.pid });
    })
    .on("close", () => {
      answer.resolve(undefined);
      ended.resolve(exitCode);
    });
  socket.write(`${JSON.stringify(request)}\n`);
  return {
    answer: answer.promise,
    ended: ended.promise,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function connectTo(path: string, dir: string): Promise<Socket | undefined> {
  const folder = openIfThere(dir);
  if (folder === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect(`/proc/self/fd/${folder}/${path.slice(dir.length + 1)}`);
    const settle = (result: Socket | undefined) => {
      closeSync(folder);
      socket.off("connect", onConnect);
      socket.off("error", onError);
      resolve(result);
    };
    const onConnect = () => settle(socket);
    const onError = () => settle(undefined);
    socket.on("connect", onConnect);
    socket.on("error", onError);
  });
}

function openIfThere(dir: string): number | undefined {
  try {
    return openSync(dir, "r");
  } catch {
    return undefined;
  }
}
