import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** Nothing of the person's own configuration, and dates that do not move. */
const ENV = {
  PATH: process.env["PATH"],
  HOME: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_AUTHOR_DATE: "1000000000 +0000",
  GIT_COMMITTER_DATE: "1000000000 +0000",
};

/** A working copy whose commits are served at once. */
export interface ServedRepository {
  readonly url: string;
  readonly path: string;
  git(...args: readonly string[]): string;
  /** Writes files, commits all; the commit. */
  commit(files: Readonly<Record<string, string>>): string;
}

/** Repositories over git's own http backend on a loopback address. */
export interface GitServer extends AsyncDisposable {
  readonly origin: string;
  /** `Authorization` headers of the requests that came. */
  readonly authorizations: (string | undefined)[];
  create(name: string, files: Readonly<Record<string, string>>, init?: readonly string[]): ServedRepository;
  /** From now on: what a request must bring, else it is answered 401. */
  require(authorization: string | undefined): void;
}

export async function startGitServer(): Promise<GitServer> {
  const dir = tempDir("git");
  const authorizations: (string | undefined)[] = [];
  let required: string | undefined;
  const server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    if (required === undefined || request.headers.authorization === required)
      runBackend(dir.path, request, response);
    else response.writeHead(401, { "www-authenticate": "Basic realm=test" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    authorizations,
    create: (name, files, init = []) =>
      createRepository(join(dir.path, name), `${origin}/${name}/.git`, files, init),
    require: (authorization) => {
      required = authorization;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      dir[Symbol.dispose]();
    },
  };
}

export function createRepository(
  path: string,
  url: string,
  files: Readonly<Record<string, string>>,
  init: readonly string[] = [],
): ServedRepository {
  mkdirSync(path, { recursive: true });
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "protocol.file.allow=always", ...args], {
      cwd: path,
      env: ENV,
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  git("init", "--quiet", "--initial-branch=main", ...init);
  const repository: ServedRepository = {
    url,
    path,
    git,
    commit: (more) => {
      for (const [name, content] of Object.entries(more)) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), content);
      }
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "--message=test");
      return git("rev-parse", "HEAD");
    },
  };
  repository.commit(files);
  return repository;
}

/** git-http-backend(1) is a CGI program. */
function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "", "http://host");
  const backend = spawn("git", ["http-backend"], {
    env: {
      ...ENV,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => undefined);
  const pieces: Buffer[] = [];
  backend.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  backend.once("close", () => {
    const output = Buffer.concat(pieces);
    const end = output.indexOf("\r\n\r\n");
    const headers = output
      .toString("latin1", 0, end)
      .split("\r\n")
      .map((line) => line.split(": ") as [string, string]);
    const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
    response.writeHead(
      Number.parseInt(status, 10),
      Object.fromEntries(headers.filter(([name]) => name !== "Status")),
    );
    response.end(output.subarray(end + 4));
  });
}
