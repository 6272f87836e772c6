import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly status: number;
}

export interface ServedFile {
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answered as often with this before the file: a status, or a body that is cut in its middle. */
  readonly faults?: readonly ("cut" | number)[];
}

/** Files on a loopback address; conditional requests are answered as RFC 9110 says. */
export interface FileServer extends AsyncDisposable {
  readonly origin: string;
  /** Without its answer before: `faults` begin anew. */
  serve(path: string, file: ServedFile | string): void;
  /** Every request that came, and what it was answered. */
  readonly requests: ServedRequest[];
}

export async function startFileServer(): Promise<FileServer> {
  const files = new Map<string, { readonly file: ServedFile; readonly faults: ("cut" | number)[] }>();
  const requests: ServedRequest[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const served = files.get(path);
    answer(request, response, served?.file, served?.faults.shift());
    requests.push({
      method: request.method ?? "",
      path,
      headers: request.headers,
      status: response.statusCode,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    serve: (path, file) => {
      const whole = typeof file === "string" ? { body: file } : file;
      files.set(path, { file: whole, faults: [...(whole.faults ?? [])] });
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile | undefined,
  fault: "cut" | number | undefined,
): void {
  if (file === undefined) return void response.writeHead(404).end("nothing here");
  if (typeof fault === "number") return void response.writeHead(fault).end("a fault");
  const headers = file.headers ?? {};
  const isSame =
    request.headers["if-none-match"] === undefined
      ? headers["last-modified"] !== undefined &&
        request.headers["if-modified-since"] === headers["last-modified"]
      : request.headers["if-none-match"] === headers["etag"];
  if (isSame) return void response.writeHead(304, headers).end();
  const status = headers["location"] === undefined ? 200 : 302;
  const body = Buffer.from(file.body);
  response.writeHead(status, { ...headers, "content-length": body.length });
  if (fault === undefined) return void response.end(body);
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
}
