import type { Digest } from "../core/digest.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { BlobWriter } from "../core/ports.ts";
import { networkError } from "../registry/network-error.ts";
import { backoffMs, DEFAULT_RETRY, isBrokenConnection, type RetryPolicy } from "../registry/retry.ts";
import { type HttpResponse, type Transport, throwIfCanceled } from "../registry/transport.ts";
import { basicAuthorization } from "./basic-authorization.ts";

/** What an answer said of a file, to ask later whether it is still the same (RFC 9110, section 8.8). */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export interface FetchedFile extends Validators {
  readonly digest: Digest;
  readonly size: number;
}

export interface FetchRequest {
  /** Credentials in it become a header. */
  readonly url: string;
  /** Without them, for messages. */
  readonly shown: string;
  /** Of what is here: the answer may be "unchanged". */
  readonly known?: Validators | undefined;
  /** What the bytes have to be; others are `remote/checksum-mismatch`. */
  readonly expected?: Digest | undefined;
  /** Called anew for every attempt. */
  readonly openWriter: () => BlobWriter;
  /** `totalBytes` is 0 where the server does not say. */
  readonly onProgress: (doneBytes: number, totalBytes: number, note?: string) => void;
  readonly retry?: RetryPolicy | undefined;
  readonly signal: AbortSignal;
}

/**
 * The file at an address, committed as a blob; undefined where it is still what `known` says. Transfers that break are begun
 * anew. Fails with a `remote/…` code.
 */
export async function fetchFile(http: Transport, request: FetchRequest): Promise<FetchedFile | undefined> {
  try {
    return await fetchPatiently(http, request);
  } catch (error) {
    throw isBuildError(error) ? toRemote(error, request) : error;
  }
}

async function fetchPatiently(http: Transport, request: FetchRequest): Promise<FetchedFile | undefined> {
  const { retry = DEFAULT_RETRY, signal } = request;
  for (let attempt = 1; ; attempt++) {
    const response = await ask(http, request);
    if (response.status === 304 && request.known !== undefined) {
      await response.discard();
      return undefined;
    }
    if (response.status < 200 || response.status > 299) throw await refusal(response, request);
    try {
      return await take(response, request);
    } catch (error) {
      throwIfCanceled(signal);
      if (!isBrokenConnection(error)) throw error;
      if (attempt >= retry.attempts) throw networkError(error, response.url);
      request.onProgress(0, 0, "the connection broke, beginning anew");
      await retry.delay(backoffMs(retry, attempt), signal).catch(() => throwIfCanceled(signal));
    }
  }
}

function ask(http: Transport, { url, known, signal }: FetchRequest): Promise<HttpResponse> {
  const address = new URL(url);
  const headers: Record<string, string> = {};
  if (known?.etag !== undefined) headers["if-none-match"] = known.etag;
  else if (known?.lastModified !== undefined) headers["if-modified-since"] = known.lastModified;
  if (address.username !== "" || address.password !== "") {
    headers["authorization"] = basicAuthorization(address);
  }
  address.username = "";
  address.password = "";
  address.hash = "";
  return http.send({ method: "GET", url: address, headers, signal });
}

async function take(response: HttpResponse, request: FetchRequest): Promise<FetchedFile> {
  const totalBytes = Number(response.header("content-length") ?? 0);
  using writer = request.openWriter();
  request.onProgress(0, totalBytes);
  for await (const chunk of response.body) {
    writer.write(chunk);
    request.onProgress(writer.bytesWritten, totalBytes);
  }
  const { digest, size } = writer.commit(request.expected);
  return { digest, size, etag: response.header("etag"), lastModified: response.header("last-modified") };
}

async function refusal(response: HttpResponse, { shown }: FetchRequest): Promise<BuildError> {
  const { status } = response;
  await response.discard();
  if (status === 404 || status === 410)
    return fail("remote/not-found", `there is no ${shown} (status ${status})`, "Check the address.");
  if (status === 401 || status === 403 || status === 407)
    return fail(
      "remote/denied",
      `${response.url.host} does not give out ${shown} (status ${status})`,
      "Check the address, and the credentials if it needs any.",
    );
  if (status >= 500 || status === 429 || status === 408)
    return fail(
      "remote/unreachable",
      `${response.url.host} is in trouble (status ${status})`,
      "Try again in a while.",
    );
  return fail(
    "remote/bad-response",
    `${response.url.host} answered ${status} for ${shown}`,
    "Check the address.",
  );
}

function fail(code: ErrorCode, message: string, hint: string): BuildError {
  return new BuildError(code, message, { hint });
}

const CODE_HERE: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  "registry/unreachable": "remote/unreachable",
  "registry/tls": "remote/tls",
  "registry/bad-response": "remote/bad-response",
};

/** The transport speaks of registries. */
function toRemote(error: BuildError, { shown, url, expected }: FetchRequest): BuildError {
  if (error.code === "store/digest-mismatch") {
    return new BuildError("remote/checksum-mismatch", `${shown} is not ${expected}: ${error.message}`, {
      hint: "Somebody changed the file, or the checksum is another file's. Nothing of it was kept.",
      cause: error,
    });
  }
  const code = CODE_HERE[error.code];
  if (code === undefined) return error;
  const { host } = new URL(url);
  const hint =
    code === "remote/tls"
      ? `Put the CA certificate of its host into /etc/docker/certs.d/${host}/ca.crt, or into the system's certificates.`
      : "Check the address and the network; behind a proxy, set HTTPS_PROXY.";
  return new BuildError(code, `${shown}: ${error.message}`, { hint, cause: error });
}
