import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** How many requests with this method and path came before it. */
  readonly earlier: number;
}

/** What goes wrong with one request. Byte counts are of bodies. */
export type Fault =
  /** An answer that the registry never sees the question for. */
  | {
      readonly type: "answer";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string | Buffer;
    }
  /** The connection is destroyed after so many bytes of the answer. */
  | { readonly type: "cut"; readonly afterBytes: number }
  /** The connection is destroyed after so many bytes of the request have gone through. */
  | { readonly type: "cut-upload"; readonly afterBytes: number }
  /** Nothing more comes after so many bytes of the answer; the connection stays. */
  | { readonly type: "stall"; readonly afterBytes: number }
  /** The answer comes in crumbs of so many bytes, a pause before each. */
  | { readonly type: "drip"; readonly bytes: number; readonly everyMs: number }
  /** One byte of the answer is another. */
  | { readonly type: "corrupt" }
  /** A well framed answer that is shorter or longer than the truth. */
  | { readonly type: "resize"; readonly bytes: number }
  /** The registry does not get to see the Range header. */
  | { readonly type: "ignore-range" }
  /** Headers of the answer are other ones. */
  | { readonly type: "headers"; readonly set: Record<string, string> };

export interface FaultProxy extends AsyncDisposable {
  /** `localhost:41234`. */
  readonly address: string;
  readonly seen: readonly SeenRequest[];
}

/** A reverse proxy on loopback that passes requests on to `target` (`localhost:5000`) and spoils what `faultFor` says. */
export async function startFaultProxy(
  target: string,
  faultFor: (request: SeenRequest) => Fault | undefined,
): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const method = request.method ?? "";
    const path = request.url ?? "";
    const earlier = seen.filter((other) => other.method === method && other.path === path).length;
    const one: SeenRequest = { method, path, headers: request.headers, earlier };
    seen.push(one);
    const fault = faultFor(one);
    if (fault?.type === "answer") {
      request.resume();
      const body = method === "HEAD" ? undefined : fault.body;
      response.writeHead(fault.status, { connection: "close", ...fault.headers }).end(body);
    } else passOn(request, response, target, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `localhost:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  target: string,
  fault: Fault | undefined,
): void {
  const { range: _, ...withoutRange } = request.headers;
  const headers = fault?.type === "ignore-range" ? withoutRange : request.headers;
  const [hostname, port] = target.split(":");
  const upstream = forward(
    { hostname, port, method: request.method, path: request.url, headers },
    (answer) => {
      void passBack(answer, response, fault);
    },
  );
  // What breaks on either side breaks the other: that is what the tests are about.
  upstream.on("error", () => response.destroy());
  response.on("close", () => upstream.destroy());
  void passBody(request, upstream, response, fault);
}

async function passBody(
  request: IncomingMessage,
  upstream: ReturnType<typeof forward>,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  let left = fault?.type === "cut-upload" ? fault.afterBytes : Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      await new Promise<void>((resolve) => upstream.write(part, () => resolve()));
      if (left === 0) {
        // Ended by half, so that the registry has what came so far.
        upstream.destroy();
        response.destroy();
        request.destroy();
        return;
      }
    }
    upstream.end();
  } catch {
    upstream.destroy();
  }
}

async function passBack(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  const status = answer.statusCode ?? 500;
  if (fault?.type === "resize") {
    const resized = Buffer.alloc(fault.bytes);
    (await collect(answer)).copy(resized);
    response.writeHead(status, { ...answer.headers, "content-length": String(fault.bytes) }).end(resized);
    return;
  }
  response.writeHead(status, { ...answer.headers, ...(fault?.type === "headers" ? fault.set : {}) });
  try {
    const isWhole = await passChunks(answer, response, fault);
    if (isWhole) response.end();
    else if (fault?.type === "cut") response.socket?.destroySoon();
  } catch {
    response.destroy();
  }
}

/** False: the fault struck before the end. */
async function passChunks(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<boolean> {
  if (fault?.type === "drip") return drip(answer, response, fault);
  const limit =
    fault?.type === "cut" || fault?.type === "stall" ? fault.afterBytes : Number.POSITIVE_INFINITY;
  let done = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (fault?.type === "corrupt" && done === 0) chunk.writeUInt8(chunk.readUInt8(0) ^ 1, 0);
    const part = chunk.subarray(0, limit - done);
    done += part.length;
    await new Promise<void>((resolve) => response.write(part, () => resolve()));
    if (done === limit && Number(answer.headers["content-length"] ?? 0) > limit) return false;
  }
  return true;
}

async function drip(
  answer: IncomingMessage,
  response: ServerResponse,
  { bytes, everyMs }: Extract<Fault, { readonly type: "drip" }>,
): Promise<boolean> {
  const whole = await collect(answer);
  for (let at = 0; at < whole.length && !response.destroyed; at += bytes) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    response.write(whole.subarray(at, at + bytes));
  }
  return true;
}

async function collect(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
