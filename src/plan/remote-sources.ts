import { parseDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { parseGitAddress } from "../core/git-address.ts";
import { redactAddresses } from "../core/redact-address.ts";
import type { GitSource, HttpSource, RemoteSource } from "../core/step.ts";
import type { CopyInstruction } from "../dockerfile/ast.ts";

/** Flags of ADD that say how to fetch, expanded; "" and undefined where they are not given. */
export interface FetchFlags {
  readonly checksum: string;
  readonly keepGitDir: string | undefined;
  readonly unpack: string | undefined;
}

/** Which sources of an instruction are files of the context, and which are fetched (BuildKit: dockerfile2llb, dispatchCopy). */
export function sortSources(
  instruction: CopyInstruction,
  written: readonly string[],
  flags: FetchFlags,
): { readonly sources: readonly string[]; readonly remotes: readonly RemoteSource[] } {
  const sources: string[] = [];
  const remotes: RemoteSource[] = [];
  for (const word of written) {
    const remote = located(instruction, () => remoteSource(word, sources.length, flags));
    if (remote === undefined) sources.push(word);
    else remotes.push(remote);
  }
  if (instruction.type === "COPY" && remotes[0] !== undefined) throw copyOfRemote(instruction, remotes[0]);
  if (flags.checksum !== "" && (remotes.length !== 1 || sources.length > 0)) {
    throw new BuildError("dockerfile/bad-flag", "ADD --checksum takes one source, which is fetched", {
      at: instruction.at,
      hint: "Write an ADD of its own for each address.",
    });
  }
  return { sources, remotes };
}

function remoteSource(word: string, at: number, flags: FetchFlags): RemoteSource | undefined {
  const address = parseGitAddress(word);
  if (address !== undefined) return gitSource({ type: "git", at, address }, flags);
  return /^https?:\/\//.test(word) ? httpSource(word, at, flags) : undefined;
}

function gitSource(source: GitSource, { checksum, keepGitDir }: FetchFlags): GitSource {
  const { address } = source;
  const keep = keepGitDir === undefined ? undefined : keepGitDir !== "false";
  if (keep !== undefined && address.keepGitDir !== undefined && keep !== address.keepGitDir)
    throw contradiction(`--keep-git-dir and the address ${address.shown}`);
  if (checksum !== "" && address.checksum !== "" && checksum !== address.checksum)
    throw contradiction(`--checksum and the address ${address.shown}`);
  if (checksum !== "" && !/^[0-9a-f]{4,64}$/i.test(checksum)) {
    throw new BuildError("dockerfile/bad-flag", `--checksum=${checksum} is no commit`, {
      hint: "For a repository it is the commit, all of it or its first digits.",
    });
  }
  return {
    ...source,
    address: {
      ...address,
      keepGitDir: keep ?? address.keepGitDir ?? false,
      checksum: (checksum === "" ? address.checksum : checksum).toLowerCase(),
    },
  };
}

function httpSource(word: string, at: number, { checksum, unpack }: FetchFlags): HttpSource {
  const shown = redactAddresses(word);
  const url = URL.parse(word);
  if (url === null || url.hostname === "") {
    throw new BuildError("remote/bad-address", `${shown} is no address of a file`, {
      hint: "An address looks like https://host/path/name.",
    });
  }
  const digest = checksum === "" ? undefined : parseDigest(checksum);
  if (checksum !== "" && digest === undefined) {
    throw new BuildError("dockerfile/bad-flag", `--checksum=${checksum} is no digest`, {
      hint: "For a file it is sha256: and 64 hexadecimal digits.",
    });
  }
  return {
    type: "http",
    at,
    url: word,
    shown,
    name: nameOf(url),
    checksum: digest,
    unpack: unpack !== undefined && unpack !== "false",
  };
}

/** The last name of the path: what an answer's headers call the file does not matter, since it is not asked for before. */
function nameOf(url: URL): string {
  const last = url.pathname.replace(/\/+$/, "").split("/").at(-1) ?? "";
  const name = decodeName(last);
  return name === "" || name === "." || name === ".." || /[/\0]/.test(name) ? "__unnamed__" : name;
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function contradiction(what: string): BuildError {
  return new BuildError("dockerfile/bad-flag", `${what} contradict each other`, { hint: "Say it once." });
}

function copyOfRemote(instruction: CopyInstruction, remote: RemoteSource): BuildError {
  const shown = remote.type === "git" ? remote.address.shown : remote.shown;
  return new BuildError("dockerfile/unsupported", `COPY cannot fetch "${shown}"`, {
    at: instruction.at,
    hint: "Write ADD: it fetches addresses and repositories.",
  });
}

/** Errors about words stand at their instruction. */
function located<T>(instruction: CopyInstruction, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof BuildError ? error.with({ at: instruction.at }) : error;
  }
}
