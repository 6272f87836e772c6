import { BuildError } from "./errors.ts";
import { redactAddresses } from "./redact-address.ts";

/** A repository, and what of it is wanted: an address as BuildKit takes it (frontend/dockerfile/dfgitutil, util/gitutil). */
export interface GitAddress {
  /** For the git program: no fragment, no query; credentials still in. */
  readonly remote: string;
  /** As written, without credentials. */
  readonly shown: string;
  /** Branch, tag or commit; "": the default branch. */
  readonly ref: string;
  /** Relative, cleaned; "": the whole. */
  readonly subdir: string;
  /** The commit that it has to be, or the first digits of it; "": any. */
  readonly checksum: string;
  /** undefined: not said. */
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
  /** Times of files: when they were checked out, or their commit's. */
  readonly mtime: "checkout" | "commit";
  /** `checksum` is the commit, and the repository is not asked what `ref` stands for. */
  readonly fetchByCommit: boolean;
}

const SCHEME = /^(https?|ssh|git):\/\//i;
/** user@host:path, with a query and a fragment. */
const SCP = /^([\w-]+)@([\w.-]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/;
/** Unprintable: no address, no ref and no path of one has them. */
const UNPRINTABLE = /[\u0000-\u0020\u007f]/;

/**
 * Undefined for what is no git address: `https://…` is one only where its path ends in `.git`. `asContext` also takes
 * `github.com/owner/name`, which would be a file for ADD. Throws `remote/bad-address`.
 */
export function parseGitAddress(text: string, asContext = false): GitAddress | undefined {
  const short = asContext && text.startsWith("github.com/");
  const parts = splitUrl(short ? `https://${text}` : text) ?? splitScp(text);
  if (parts === undefined) return undefined;
  const isHttp = /^https?:/i.test(parts.remote);
  if (isHttp && !short && !parts.path.endsWith(".git")) return undefined;
  return fromParts(text, parts);
}

interface Parts {
  readonly remote: string;
  readonly path: string;
  readonly host: string;
  readonly query: string;
  readonly fragment: string;
}

function splitUrl(text: string): Parts | undefined {
  if (!SCHEME.test(text)) return undefined;
  const [beforeFragment = "", ...rest] = text.split("#");
  const [remote = "", ...query] = beforeFragment.split("?");
  const [, authority = "", path = ""] = /^\w+:\/\/([^/]*)(.*)$/.exec(remote) ?? [];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return { remote, path, host, query: query.join("?"), fragment: decode(rest.join("#")) };
}

function splitScp(text: string): Parts | undefined {
  const [, user, host, path, query = "", fragment = ""] = SCP.exec(text) ?? [];
  if (user === undefined || host === undefined || path === undefined) return undefined;
  return { remote: `${user}@${host}:${path}`, path, host, query, fragment };
}

function fromParts(text: string, parts: Parts): GitAddress {
  const shown = redactAddresses(text);
  const fail = (why: string, hint = "An address looks like https://host/path.git#branch:folder.") =>
    new BuildError("remote/bad-address", `${shown} is no address of a repository: ${why}`, { hint });
  const colon = parts.fragment.indexOf(":");
  const query = readQuery(parts.query, fail);
  const ref = agree(
    "ref",
    [
      colon < 0 ? parts.fragment : parts.fragment.slice(0, colon),
      query.ref,
      query.tag === "" ? "" : `refs/tags/${query.tag.replace(/^refs\/tags\//, "")}`,
      query.branch === "" ? "" : `refs/heads/${query.branch.replace(/^refs\/heads\//, "")}`,
    ],
    fail,
  );
  const folders = [colon < 0 ? "" : parts.fragment.slice(colon + 1), query.subdir].map(cleanFolder);
  const checksum = agree("commit", [query.checksum, query.commit], fail);
  // git would take them for options, or for several refs: none is the name of one (git-check-ref-format).
  if (/^-|[\u0000-\u0020~^:?*[\\\u007f]|\.\.|@\{/.test(ref))
    throw fail(`"${ref}" can be no branch, tag or commit`);
  if (parts.host === "" || parts.host.startsWith("-") || UNPRINTABLE.test(parts.remote))
    throw fail("it names no host");
  if (checksum !== "" && !/^[0-9a-f]{4,64}$/i.test(checksum)) throw fail(`"${checksum}" is no commit`);
  return {
    remote: parts.remote,
    shown,
    ref,
    subdir: agree("folder", folders, fail),
    checksum: checksum.toLowerCase(),
    keepGitDir: query.keepGitDir,
    submodules: query.submodules ?? true,
    mtime: query.mtime,
    fetchByCommit: query.fetchByCommit ?? false,
  };
}

type Fail = (why: string, hint?: string) => BuildError;

function readQuery(text: string, fail: Fail) {
  const given = new URLSearchParams(text);
  const known: readonly string[] = [...TEXTS, ...SWITCHES];
  for (const name of given.keys()) {
    if (!known.includes(name)) throw fail(`it asks for "${name}"`, `After ? may stand ${known.join(", ")}.`);
    if (given.getAll(name).length > 1) throw fail(`it says "${name}" twice`);
  }
  const value = (name: (typeof TEXTS)[number]) => {
    const found = given.get(name);
    if (found === "") throw fail(`its "${name}" has no value`);
    return found ?? "";
  };
  const flag = (name: (typeof SWITCHES)[number]) => {
    const found = given.get(name);
    if (found === null) return undefined;
    if (/^(|1|t|true)$/i.test(found)) return true;
    if (/^(0|f|false)$/i.test(found)) return false;
    throw fail(`its "${name}" is "${found}"`, "It is true or false.");
  };
  const mtime = value("mtime");
  if (mtime !== "" && mtime !== "checkout" && mtime !== "commit")
    throw fail(`its "mtime" is "${mtime}"`, "It is checkout or commit.");
  if (value("branch") !== "" && value("tag") !== "") throw fail("it names a branch and a tag");
  return {
    ref: value("ref"),
    tag: value("tag"),
    branch: value("branch"),
    subdir: value("subdir"),
    checksum: value("checksum"),
    commit: value("commit"),
    mtime: mtime === "commit" ? ("commit" as const) : ("checkout" as const),
    keepGitDir: flag("keep-git-dir"),
    submodules: flag("submodules"),
    fetchByCommit: flag("fetch-by-commit"),
  };
}

const TEXTS = ["ref", "tag", "branch", "subdir", "checksum", "commit", "mtime"] as const;
const SWITCHES = ["keep-git-dir", "submodules", "fetch-by-commit"] as const;

/** What may be said in several ways must be said once, or the same. */
function agree(what: string, values: readonly string[], fail: Fail): string {
  const said = [...new Set(values.filter((value) => value !== ""))];
  const [first = "", second] = said;
  if (second !== undefined) throw fail(`it names two of one ${what}: "${first}" and "${second}"`);
  return first;
}

function cleanFolder(written: string): string {
  const parts: string[] = [];
  for (const part of written.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
