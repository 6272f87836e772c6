import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { derOf, type TestCertificate } from "./certificates.ts";

export interface TokenRequest {
  readonly method: string;
  readonly authorization: string | undefined;
  /** Of the query, or of the form. */
  readonly fields: URLSearchParams;
}

export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly seen: readonly TokenRequest[];
}

export interface TokenServerOptions {
  readonly certificate: TestCertificate;
  readonly service: string;
  readonly issuer: string;
  /** Which of the actions that are asked for are granted. */
  readonly grant: (request: TokenRequest, repository: string, action: string) => boolean;
  /** Who is answered 401; nobody where it is left out. */
  readonly refuses?: (request: TokenRequest) => boolean;
  /** Given to those who ask for an offline token. */
  readonly refreshToken?: string;
}

/** Gives tokens as the Docker registry token specification has it; docker-registry itself checks their signature and scope. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const seen: TokenRequest[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const one = await readRequest(request);
      seen.push(one);
      if (options.refuses?.(one) === true) {
        response.writeHead(401).end();
        return;
      }
      const scopes = one.fields.getAll("scope").flatMap((scope) => scope.split(" "));
      const access = scopes.filter((scope) => scope !== "").map((scope) => grantOf(scope, one, options));
      const token = signToken(access, options);
      const body = one.method === "POST" ? { access_token: token } : { token, expires_in: 300 };
      const isOffline = one.fields.get("offline_token") === "true" && options.refreshToken !== undefined;
      const answer = isOffline ? { ...body, refresh_token: options.refreshToken } : body;
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    realm: `http://localhost:${port}/token`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function readRequest(request: IncomingMessage): Promise<TokenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const isForm = request.method === "POST";
  const text = isForm ? Buffer.concat(chunks).toString() : new URL(request.url ?? "/", "http://x").search;
  return {
    method: request.method ?? "",
    authorization: request.headers.authorization,
    fields: new URLSearchParams(text),
  };
}

function grantOf(scope: string, request: TokenRequest, { grant }: TokenServerOptions) {
  const [type = "", name = "", actions = ""] = scope.split(":");
  return { type, name, actions: actions.split(",").filter((action) => grant(request, name, action)) };
}

/** A JSON Web Token whose header carries the certificate that the registry trusts. */
function signToken(access: object, { certificate, service, issuer }: TokenServerOptions): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "ES256", x5c: [derOf(certificate.certificate)] };
  const claims = {
    iss: issuer,
    sub: "test",
    aud: service,
    exp: now + 300,
    nbf: now - 60,
    iat: now,
    jti: "1",
    access,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  const key = { key: createPrivateKey(readFileSync(certificate.key)), dsaEncoding: "ieee-p1363" } as const;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

function encode(json: object): string {
  return Buffer.from(JSON.stringify(json)).toString("base64url");
}
