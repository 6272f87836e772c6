import type { ErrorCode } from "../core/error-codes.ts";
import { BuildError } from "../core/errors.ts";
import type { GitAddress } from "../core/git-address.ts";
import { redactAddresses } from "../core/redact-address.ts";

const KINDS: readonly (readonly [pattern: RegExp, code: ErrorCode, hint: string])[] = [
  [
    /host key verification failed/i,
    "remote/denied",
    "This machine does not know that host's key: connect to it once with ssh, then build again.",
  ],
  [
    /authentication failed|could not read (?:username|password)|permission denied|terminal prompts disabled|returned error: 40[13]/i,
    "remote/denied",
    "Check the address; for ssh, the keys that ssh-add -l lists; for https, credentials in the address.",
  ],
  [
    /repository .*not found|does not appear to be a git repository|returned error: 404|access denied or repository not exported/i,
    "remote/not-found",
    "Check the address. Some hosts say so, too, of what needs credentials.",
  ],
  [
    /ssl|certificate/i,
    "remote/tls",
    "Put the host's CA certificate among the system's, or name it in GIT_SSL_CAINFO.",
  ],
  [
    /could not resolve|couldn't connect|failed to connect|connection (?:refused|reset|timed out)|unable to connect|unable to look up|early eof|hung up|returned error: 5\d\d/i,
    "remote/unreachable",
    "Check the address and the network; behind a proxy, set HTTPS_PROXY.",
  ],
  [
    /transport '.*' not allowed/i,
    "remote/denied",
    "A submodule is kept in a way that is not fetched; leave them out with ?submodules=false.",
  ],
];

/** What git complained of, with the code and next step of its kind. */
export function gitFailure(address: GitAddress, what: string, stderr: string): BuildError {
  const said = lastWords(stderr);
  const [, code, hint] = KINDS.find(([pattern]) => pattern.test(stderr)) ?? [
    undefined,
    "remote/git" as const,
    "Try the same with git itself; git's own words are in the message.",
  ];
  return new BuildError(code, `cannot ${what} ${address.shown}${said === "" ? "" : `: ${said}`}`, { hint });
}

/** Control characters of a foreign host stay out of the terminal; what git prints of addresses is without credentials. */
function lastWords(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const last = lines.findLastIndex((line) => /^(?:fatal|error|remote):/.test(line));
  // What ends in a colon goes on in the next line.
  const fatal = lines.slice(last, (lines[last] ?? "").endsWith(":") ? last + 2 : last + 1).join(" ");
  const clean = (last < 0 ? (lines.at(-1) ?? "") : fatal)
    .replace(/^fatal: /, "")
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
  return redactAddresses(clean).trim().slice(0, 300);
}
