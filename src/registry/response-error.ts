import type { ErrorCode } from "../core/error-codes.ts";
import { BuildError } from "../core/errors.ts";
import { asObject, asText, parseJsonObject } from "./json.ts";
import { readWhole } from "./read-whole.ts";
import type { HttpResponse } from "./transport.ts";

/** What an error message needs to know about a request. */
export interface RequestFacts {
  /** What was asked for, as people name it: `docker.io/library/busybox:latest`, `blob sha256:…`. */
  readonly subject: string;
  readonly authHost: string;
  readonly hasCredentials: boolean;
  readonly authFile: string;
}

const MAX_ERROR_BYTES = 64 * 1024;

/** An answer that is none of the expected ones, in plain words. Reads the body. */
export async function responseError(response: HttpResponse, facts: RequestFacts): Promise<BuildError> {
  const said = await readMessage(response);
  const { status } = response;
  const because = said === "" ? "" : `: ${said}`;
  const fail = (code: ErrorCode, message: string, hint?: string) =>
    new BuildError(code, message + because, { hint });
  if (status === 401) return fail("registry/unauthorized", unauthorized(facts), credentialsHint(facts));
  if (status === 403)
    return fail(
      "registry/denied",
      `${facts.authHost} denies access to ${facts.subject}`,
      credentialsHint(facts),
    );
  if (status === 404) {
    return fail(
      "registry/not-found",
      `${facts.subject} is not found on ${facts.authHost}`,
      "Check the name and the tag.",
    );
  }
  if (status === 429)
    return fail(
      "registry/rate-limited",
      `${facts.authHost} allows no more requests for now${limit(response)}`,
      limitHint(response, facts),
    );
  if (status >= 500) {
    return fail(
      "registry/unreachable",
      `${response.url.host} is in trouble (status ${status})`,
      "Try again in a while.",
    );
  }
  return fail(
    "registry/bad-response",
    `${response.url.host} answered ${status} when asked for ${facts.subject}`,
  );
}

function unauthorized(facts: RequestFacts): string {
  return facts.hasCredentials
    ? `${facts.authHost} does not accept the credentials of ${facts.authFile} for ${facts.subject}`
    : `${facts.authHost} gives ${facts.subject} to known users only, or has nothing of that name`;
}

function credentialsHint(facts: RequestFacts): string {
  return facts.hasCredentials
    ? `Log in again: tsbuild login ${facts.authHost} (kept in ${facts.authFile}).`
    : `Check the name; or log in: tsbuild login ${facts.authHost} (it is kept in ${facts.authFile}; --authfile names another).`;
}

/** `100;w=21600` is 100 in six hours. */
function limit(response: HttpResponse): string {
  const value = response.header("ratelimit-limit") ?? response.header("x-ratelimit-limit");
  if (value === undefined) return "";
  const [, count, seconds] = /^(\d+)(?:;w=(\d+))?$/.exec(value.trim()) ?? [];
  if (count === undefined) return ` (limit ${clean(value)})`;
  return seconds === undefined ? ` (limit ${count})` : ` (limit ${count} in ${Number(seconds) / 3600} h)`;
}

function limitHint(response: HttpResponse, facts: RequestFacts): string {
  const after = response.header("retry-after");
  const wait =
    after === undefined
      ? "Wait"
      : `Wait (the registry says: ${clean(after)}${/^\d+$/.test(after) ? " s" : ""})`;
  return facts.hasCredentials
    ? `${wait}, or use a mirror.`
    : `${wait}, or log in (tsbuild login ${facts.authHost}): known users may ask more.`;
}

/** The registry's own words (OCI distribution-spec, error codes), made harmless for a terminal. */
async function readMessage(response: HttpResponse): Promise<string> {
  try {
    const json = parseJsonObject((await readWhole(response, MAX_ERROR_BYTES)).toString("utf8"));
    const errors: readonly unknown[] = Array.isArray(json?.["errors"]) ? json["errors"] : [];
    const first = asObject(errors[0]);
    return clean(asText(first?.["message"]) ?? asText(first?.["code"]) ?? "");
  } catch {
    // The body of an error is a courtesy: without it the status still says enough.
    return "";
  }
}

function clean(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
    .slice(0, 300);
}
